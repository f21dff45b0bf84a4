// The badge, embed.html: the proxy in a frame of somebody's page, of 80 by 15 as in
// 2015 or larger.

import { createPage, element, setText } from "./dom.js";

const page = createPage("embed");

void page.run((texts, v) => {
  document.title = `${texts.t("name")}: ${v.headline}`;
  setText(element("short", HTMLElement), v.short);
  // What it says when there is no room for more, and to those who do not see it.
  const button = element("switch", HTMLButtonElement);
  button.title = `${v.headline}. ${[v.more, ...v.problems].join(" ")}\n\n${texts.t("what")} ${texts.t("cost")}`;
  button.setAttribute("aria-label", texts.t("help"));
});
