// What a visitor can choose, apart from the switch: the language and the limits.

import { element } from "./dom.js";
import { languages } from "./i18n.js";
import { mostClients, parseRate } from "./options.js";

/** @typedef {import("./dom.js").Page} Page */
/** @typedef {import("./i18n.js").Texts} Texts */

/** @param {Page} page */
export function connectLanguages(page) {
  const select = element("language", HTMLSelectElement);
  for (const [code, name] of Object.entries(languages)) select.add(new Option(name, code));
  select.addEventListener("change", async () => {
    page.settings.setLanguage(select.value);
    await page.setLanguage();
  });
}

/** What a visitor may choose of, clients and bytes a second; "off" is no limit. */
const clientChoices = [1, 2, 3, 5, 10, 20, 50, mostClients];
const rateChoices = ["off", 20e3, 50e3, 100e3, 200e3, 500e3, 1e6, 2e6, 5e6, 10e6].map(String);

/** @param {Page} page */
export function connectLimits({ control, settings }) {
  const clients = element("limit-clients", HTMLSelectElement);
  const rate = element("limit-rate", HTMLSelectElement);
  clients.addEventListener("change", () => {
    settings.setLimits({ maxClients: Number(clients.value) });
    control.look();
  });
  rate.addEventListener("change", () => {
    const rateLimit = parseRate(rate.value);
    if (rateLimit !== undefined) settings.setLimits({ rateLimit });
    control.look();
  });
}

/**
 * Draws the choices, with the one that is in force, which may be another than ours.
 *
 * @param {Page} page
 * @param {Texts} texts
 */
export function showLimits({ control }, texts) {
  const limits = control.limits();
  if (!limits) return;
  const { maxClients, rateLimit } = limits;
  showChoices(element("limit-clients", HTMLSelectElement), clientChoices.map(String), String(maxClients),
    (v) => texts.number(Number(v)));
  showChoices(element("limit-rate", HTMLSelectElement), rateChoices, rateLimit === null ? "off" : String(rateLimit),
    (v) => v === "off" ? texts.t("noLimit") : texts.rate(Number(v)));
}

/**
 * @param {HTMLSelectElement} select
 * @param {string[]} choices
 * @param {string} current
 * @param {(value: string) => string} label
 */
function showChoices(select, choices, current, label) {
  const all = choices.includes(current) ? choices : [...choices, current];
  const shown = Array.from(select.options, (o) => `${o.value} ${o.text}`).join("\n");
  if (shown !== all.map((v) => `${v} ${label(v)}`).join("\n")) {
    select.replaceChildren(...all.map((v) => new Option(label(v), v)));
  }
  if (select.value !== current) select.value = current;
}
