// What the three pages have in common. Only badge.js, choice.js, choices.js, dom.js
// and page.js know the document and the window.

import { config } from "./config.js";
import { createControl } from "./control.js";
import { choose, load } from "./i18n.js";
import { parseParams } from "./params.js";
import { createSettings } from "./settings.js";
import { createUpdate } from "./update.js";
import { view } from "./view.js";

/** @typedef {import("./i18n.js").Key} Key */
/** @typedef {import("./i18n.js").Texts} Texts */
/** @typedef {import("./view.js").View} View */

/** How many lines of the log are shown. */
const logLines = 200;

/** @type {import("./clock.js").Clock} */
const clock = {
  now: () => Date.now(),
  setTimeout: (f, ms) => window.setTimeout(f, ms),
  clearTimeout: (timer) => window.clearTimeout(timer),
};

/**
 * An element that the page has.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no ${type.name} ${id} in the page`);
  return found;
}

/**
 * Sets a text, if it is another one: a screen reader says what was set.
 *
 * @param {Element} e
 * @param {string} text
 */
export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

/**
 * Sets up a page.
 *
 * @param {"proxy" | "embed" | "options"} name as in config.trustedPages
 */
export function createPage(name) {
  const storage = () => window.localStorage;
  const settings = createSettings(storage);
  const asked = parseParams(location.search, config.trustedPages.includes(name));
  const home = element("home", HTMLLinkElement).href;
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("flashproxy") : null;
  /** @type {Texts | null} */
  let texts = null;
  /** @type {(texts: Texts, v: View) => void} */
  let draw = () => {};
  let faulty = false;

  const site = {
    config,
    asked,
    here: {
      WebSocket: window.WebSocket,
      RTCPeerConnection: window.RTCPeerConnection,
      location,
      navigator,
      timeZone: () => Intl.DateTimeFormat().resolvedOptions().timeZone,
    },
    home,
    storage,
    settings,
    channel,
    serves: name !== "options",
    clock,
    random: Math.random,
    engine: { Worker: window.Worker },
  };
  const control = createControl(site, show, appendLog);
  const update = createUpdate({
    url: location.href,
    fetch: (url, init) => fetch(url, init),
    now: clock.now,
    idle: control.idle,
    reload: () => location.reload(),
  });

  function show() {
    if (!texts) return;
    const v = view(control.situation, texts);
    // What broke may be mended since, or a module of it may be of another version.
    if (control.situation.fault && !faulty) update.hurry();
    faulty = control.situation.fault;
    showView(v);
    draw(texts, v);
  }

  async function speak() {
    const wanted = [settings.language(), asked.params.lang, ...navigator.languages];
    texts = await load(choose(wanted));
    document.documentElement.lang = texts.language;
    document.documentElement.dir = texts.direction;
    for (const e of document.querySelectorAll("[data-t]")) {
      setText(e, texts.t(/** @type {Key} */ (e.getAttribute("data-t"))));
    }
  }

  return {
    control,
    settings,
    home,
    /** Speaks the visitor's language from now on, also after a change. */
    async setLanguage() {
      await speak();
      show();
    },
    /**
     * Shows the page and runs what it is for.
     *
     * @param {(texts: Texts, v: View) => void} drawMore draws what is not on every page
     */
    async run(drawMore) {
      draw = drawMore;
      await speak();
      element("proxy", HTMLElement).hidden = false;
      element("log", HTMLElement).hidden = !asked.params.debug;
      connectSwitch(control);
      addEventListener("storage", control.look);
      addEventListener("pagehide", control.end);
      addEventListener("pageshow", (event) => event.persisted && location.reload());
      /** @type {any} */ (navigator).connection?.addEventListener("change", control.look);
      control.look();
      setInterval(() => {
        if (!document.hidden) show();
        void update.tick();
      }, 1000);
      await update.start();
    },
  };
}

/** @typedef {ReturnType<typeof createPage>} Page */

/** @param {import("./control.js").Control} control */
function connectSwitch(control) {
  element("switch", HTMLButtonElement).addEventListener("click", () => control.choose(!control.situation.on));
}

/**
 * Draws what every page has.
 *
 * @param {View} v
 */
function showView(v) {
  const button = element("switch", HTMLButtonElement);
  element("proxy", HTMLElement).dataset["state"] = v.kind;
  button.setAttribute("aria-checked", String(v.on));
  button.disabled = !v.canSwitch;
  setText(element("headline", HTMLElement), v.headline);
  setText(element("more", HTMLElement), v.more);
  const list = element("problems", HTMLUListElement);
  if (list.children.length !== v.problems.length) {
    list.replaceChildren(...v.problems.map(() => document.createElement("li")));
  }
  v.problems.forEach((text, i) => setText(/** @type {Element} */ (list.children[i]), text));
}

/** @param {string} line */
function appendLog(line) {
  const log = element("log", HTMLElement);
  log.append(`${new Date().toISOString()} ${line}\n`);
  while (log.childNodes.length > logLines) log.firstChild?.remove();
}
