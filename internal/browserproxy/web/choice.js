// The page of the choice, options.html: for this page and for badges of the same
// site. It serves nobody.

import { connectLanguages, connectLimits, showLimits } from "./choices.js";
import { createPage, element, setText } from "./dom.js";

const page = createPage("options");
const forgotten = element("forgotten", HTMLElement);
let forgot = false;

connectLanguages(page);
connectLimits(page);
element("switch", HTMLButtonElement).addEventListener("click", () => (forgot = false));
element("forget", HTMLButtonElement).addEventListener("click", async () => {
  page.settings.forget();
  forgot = true;
  await page.setLanguage();
  page.control.look();
});

void page.run((texts, v) => {
  document.title = texts.t("choiceTitle");
  element("language", HTMLSelectElement).value = texts.language;
  setText(element("onoff", HTMLElement), texts.t(v.on ? "on" : "off"));
  setText(forgotten, forgot ? texts.t("forgotten") : "");
  showLimits(page, texts);
});
