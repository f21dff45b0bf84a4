// The volunteer's page, index.html.

import { createHistory, shapes } from "./chart.js";
import { connectLanguages, connectLimits, showLimits } from "./choices.js";
import { createPage, element, setText } from "./dom.js";

const page = createPage("proxy");
const history = createHistory();
const text = element("top", HTMLElement);
/** @type {import("./messages.js").State | null} */
let drawn = null;
const svg = document.querySelector("svg");

/** @param {string} id */
const at = (id) => element(id, HTMLElement);

/** @param {import("./i18n.js").Texts} texts */
function drawTotals(texts) {
  const { today, all } = page.control.totals();
  setText(at("people-today"), texts.number(today.served));
  setText(at("people-all"), texts.number(all.served));
  setText(at("data-today"), texts.bytes(today.up + today.down));
  setText(at("data-all"), texts.bytes(all.up + all.down));
}

/** @param {import("./i18n.js").Texts} texts */
function drawChart(texts) {
  const { state } = page.control.situation;
  at("chart").hidden = !state;
  if (!state || !svg) return;
  const { width, height } = svg.viewBox.baseVal;
  if (state !== drawn) history.add(Date.now(), state.bytesUp, state.bytesDown);
  drawn = state;
  const { max, up, down } = shapes(history.at(Date.now()), width, height);
  element("up", SVGPathElement).setAttribute("d", up);
  element("down", SVGPathElement).setAttribute("d", down);
  setText(text, `⤒ ${texts.rate(max)}`);
  setText(at("rate-up"), texts.rate(state.rateUp));
  setText(at("rate-down"), texts.rate(state.rateDown));
}

/**
 * An https page serves few; the same page by http serves all. Where the port is
 * given there is no telling where that is.
 *
 * @param {boolean} would
 */
function drawPlain(would) {
  const link = element("plain", HTMLAnchorElement);
  link.hidden = !would || location.port !== "";
  if (!link.hidden) link.href = location.href.replace(/^https:/, "http:");
}

connectLanguages(page);
connectLimits(page);
at("retry").addEventListener("click", page.control.retry);
at("snippet").textContent =
  `<iframe src="${new URL("embed.html", page.home)}" width="260" height="130" title="Flash proxy"></iframe>`;

void page.run((texts, v) => {
  const helping = v.kind === "active" ? `(${texts.number(page.control.situation.state?.clients ?? 0)}) ` : "";
  document.title = helping + texts.t("name");
  element("language", HTMLSelectElement).value = texts.language;
  at("words").hidden = false;
  at("retry").hidden = !v.canRetry;
  setText(at("onoff"), texts.t(v.on ? "on" : "off"));
  drawPlain(v.plain);
  drawChart(texts);
  drawTotals(texts);
  showLimits(page, texts);
});
