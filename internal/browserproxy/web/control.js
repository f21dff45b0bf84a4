// What a page does: reads what the site, the address and the visitor say, decides
// whether this tab serves, and runs the engine. It knows no document; what is the
// case it tells as a Situation, and the page shows it.

import { openEngine } from "./engine.js";
import { consented, obstacle } from "./environment.js";
import { makeOptions } from "./options.js";
import { createStats } from "./stats.js";
import { createTurn } from "./tabs.js";

/** @typedef {import("./messages.js").Report} Report */
/** @typedef {import("./options.js").Limits} Limits */
/** @typedef {import("./view.js").Situation} Situation */

/**
 * @typedef {object} Site
 * @property {import("./config.js").Config} config
 * @property {ReturnType<typeof import("./params.js").parseParams>} asked
 * @property {import("./environment.js").Surroundings} here
 * @property {string} home URL that config.facilitator is relative to
 * @property {() => Storage} storage may throw
 * @property {import("./settings.js").Settings} settings
 * @property {import("./tabs.js").Channel | null} channel to the other tabs
 * @property {boolean} serves whether this page is one that serves
 * @property {import("./clock.js").Clock} clock
 * @property {() => number} random
 * @property {Parameters<typeof openEngine>[0]} engine
 */

/** @typedef {ReturnType<typeof createControl>} Control */

/**
 * @param {Site} site
 * @param {() => void} changed the situation did
 * @param {(line: string) => void} log
 */
export function createControl(site, changed, log) {
  const { config, asked, here, home, settings, clock } = site;
  const stats = createStats(site.storage, clock.now);
  /** @type {import("./engine.js").Engine | null} */
  let engine = null;
  let stopping = false; // the engine was told to, and has not yet said that it did
  /** @type {Limits | null} */
  let limits = null; // those in force; null when the config makes no sense
  /** @type {Situation} */
  const situation = { problems: asked.problems, obstacle: null, fault: false, on: false, turn: null, state: null };

  const turn = site.channel && createTurn(site.channel, clock, site.random, (mine) => {
    situation.turn = mine;
    run();
  });

  function options() {
    return makeOptions(config, asked.params, settings.limits(), { href: home, protocol: here.location.protocol });
  }

  /** Looks at everything anew that may have changed. */
  function look() {
    try {
      const wish = options();
      situation.obstacle = obstacle(here, wish.facilitator);
      if (JSON.stringify(limits) !== JSON.stringify(wish.limits)) engine?.send({ type: "limits", limits: wish.limits });
      limits = wish.limits;
    } catch (err) {
      fail(String(err)); // the site's config makes no sense
    }
    situation.on = consented(config.consent, asked.params.cookieRequired, settings.choice());
    run();
  }

  function wanted() {
    return site.serves && situation.on && !situation.obstacle && !situation.fault && situation.problems.length === 0;
  }

  /** Makes what runs be what is wanted. */
  function run() {
    if (!wanted()) {
      turn?.leave();
      situation.turn = null;
    } else if (!turn) {
      situation.turn = true;
    } else if (situation.turn === null) {
      turn.take();
    }
    if (wanted() && situation.turn) start();
    else stop();
    changed();
  }

  function start() {
    if (engine && !stopping) return;
    engine ??= openEngine(site.engine, receive);
    stopping = false;
    engine.send({ type: "start", options: options() });
  }

  function stop() {
    if (stopping) return;
    stopping = engine !== null;
    engine?.send({ type: "stop" });
  }

  function close() {
    engine?.close();
    engine = null;
    stopping = false;
    situation.state = null;
    stats.save();
  }

  /** @param {string} text */
  function fail(text) {
    log(text);
    situation.fault = true;
    close();
  }

  /** @param {Report} report */
  function receive(report) {
    switch (report.type) {
      case "state":
        stats.observe(report.state);
        situation.state = report.state;
        if (stopping && !report.state.running) close();
        changed();
        return;
      case "log":
        return log(report.text);
      case "fault":
        fail(report.text);
        run();
    }
  }

  return {
    situation,
    look,
    limits: () => limits,
    totals: () => stats.read(),
    /** @param {boolean} on */
    choose(on) {
      settings.setChoice(on ? "on" : "off");
      look();
    },
    retry: () => engine?.send({ type: "retry" }),
    /** Whether nobody would miss this page now. */
    idle: () => !situation.state || (situation.state.clients === 0 && situation.state.pairs === 0),
    /** Ends everything, as when the page goes. */
    end() {
      turn?.leave();
      close();
    },
  };
}
