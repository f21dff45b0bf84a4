// What the page and the engine say to each other. The engine (worker.js) runs in
// a dedicated worker, or in the page where there are no module workers; either way
// it is spoken to with these messages, by postMessage, and both sides check what
// they get.
//
//   page to engine                      engine to page
//   {type: "start", options}            {type: "ready"}           once, when it is loaded
//   {type: "limits", limits}            {type: "state", state}    at most two a second
//   {type: "retry"}                     {type: "log", text}       only with options.debug
//   {type: "stop"}                      {type: "fault", text}     a mistake of ours, never the network's
//
// "start" while running starts anew, with other options. "retry" cuts short the
// pause before the next poll, as for a button "try now" or when the network is back.
// After "stop" comes a state with running: false, and nothing after it.

import { checkLimits, checkOptions } from "./options.js";

/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./options.js").Limits} Limits */

/**
 * @typedef {{type: "start", options: Options}
 *   | {type: "limits", limits: Limits}
 *   | {type: "retry"}
 *   | {type: "stop"}} Command
 */

/**
 * @typedef {{type: "ready"}
 *   | {type: "state", state: State}
 *   | {type: "log", text: string}
 *   | {type: "fault", text: string}} Report
 */

/**
 * Why nothing comes, for the page to put in words of the visitor's language:
 *
 *   unreachable   no answer: no network, the facilitator is down, or it is blocked here
 *   timeout       it took the connection and said nothing for too long
 *   redirect      the facilitator sends us elsewhere, where we do not go
 *   status        it answered 5xx or another number that is no answer to a poll
 *   refused       it answered 4xx: it says that our request is wrong
 *   garbage       a 200 that makes no sense, or too much of it
 *   private       it gave addresses that are not on the public Internet
 *   transport     it gave a transport that we did not offer
 *   pair          the given client or relay cannot be connected (only with options.given)
 *   internal      a mistake of ours
 *
 * @typedef {"unreachable" | "timeout" | "redirect" | "status" | "refused" | "garbage" | "private" | "transport"
 *   | "pair" | "internal"} ErrorCode
 */

/** @type {ReadonlySet<string>} */
export const errorCodes = new Set(["unreachable", "timeout", "redirect", "status", "refused", "garbage", "private",
  "transport", "pair", "internal"]);

/**
 * What the proxy is doing. It has no address in it. Numbers of people and bytes
 * are since the engine was made and never fall while it lives; stats.js makes
 * days of them. Times are milliseconds since 1970.
 *
 * The badge of 2015 is: dead, when it may not run at all (environment.js,
 * params.js; there is no state then); disabled, when not running; active, when
 * clients > 0; else idle.
 *
 * @typedef {object} State
 * @property {boolean} running between start and stop
 * @property {boolean} polling a poll is being held at the facilitator: we are waiting for somebody
 * @property {boolean} full as many clients as the limit allows; no more are asked for
 * @property {number} clients served now, with at least one pair open
 * @property {number} pairs open now, a client's connection and a relay's each
 * @property {number} served clients to whom a pair was opened, in all
 * @property {number} bytesUp from clients to relays, in all
 * @property {number} bytesDown from relays to clients, in all
 * @property {number} rateUp bytes a second, over about the last second
 * @property {number} rateDown
 * @property {number | null} lastPoll when the facilitator answered last with what makes sense
 * @property {number | null} nextPoll when it is asked next; null while polling, full or stopped
 * @property {boolean} nobody its last answer was that there is nobody for us
 * @property {string[]} transports what we offer; only "wss" on an https page, where many clients cannot be served
 * @property {{code: ErrorCode, text: string} | null} error why the last poll failed, and in
 *   English what exactly; null after one that did not. We go on trying in any case
 */

/** @type {Record<Exclude<keyof State, "transports" | "error">, (v: unknown) => boolean>} */
const stateFields = {
  running: isBoolean,
  polling: isBoolean,
  full: isBoolean,
  clients: isCount,
  pairs: isCount,
  served: isCount,
  bytesUp: isCount,
  bytesDown: isCount,
  rateUp: isCount,
  rateDown: isCount,
  lastPoll: isTime,
  nextPoll: isTime,
  nobody: isBoolean,
};

/**
 * Checks what the page said. Throws a TypeError.
 *
 * @param {any} data
 * @returns {Command}
 */
export function parseCommand(data) {
  switch (data?.type) {
    case "start":
      return { type: "start", options: checkOptions(data.options) };
    case "limits":
      return { type: "limits", limits: checkLimits(data.limits) };
    case "retry":
    case "stop":
      return { type: data.type };
    default:
      throw new TypeError("not a command");
  }
}

/**
 * Checks what the engine said. Throws a TypeError.
 *
 * @param {any} data
 * @returns {Report}
 */
export function parseReport(data) {
  switch (data?.type) {
    case "ready":
      return { type: "ready" };
    case "state":
      return { type: "state", state: checkState(data.state) };
    case "log":
    case "fault":
      if (typeof data.text !== "string") throw new TypeError(`${data.type} without text`);
      return { type: data.type, text: data.text };
    default:
      throw new TypeError("not a report");
  }
}

/**
 * @param {any} s
 * @returns {State}
 */
function checkState(s) {
  if (typeof s !== "object" || s === null) throw new TypeError("not a state");
  for (const [key, is] of Object.entries(stateFields)) {
    if (!is(s[key])) throw new TypeError(`not a state: ${key}`);
  }
  if (!Array.isArray(s.transports) || !s.transports.every((/** @type {unknown} */ t) => typeof t === "string")) {
    throw new TypeError("not a state: transports");
  }
  if (s.error !== null && (!errorCodes.has(s.error?.code) || typeof s.error.text !== "string")) {
    throw new TypeError("not a state: error");
  }
  return s;
}

/** @param {unknown} v */
function isBoolean(v) {
  return typeof v === "boolean";
}

/** @param {unknown} v */
function isCount(v) {
  return typeof v === "number" && Number.isFinite(v) && v >= 0;
}

/** @param {unknown} v */
function isTime(v) {
  return v === null || isCount(v);
}
