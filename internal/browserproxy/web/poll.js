// Polls a facilitator: asks once, checks what it says, and knows when to ask
// again. It does not trust the facilitator: everything is bounded, and by default
// no address that is not on the public Internet is passed on.

import { isGlobal, isPublicName } from "./address.js";
import { child, createBackoff, jitter, TimeoutError } from "./clock.js";
import { encodePoll, maxAnswer, parseAnswer } from "./form.js";

/** @typedef {import("./address.js").Address} Address */
/** @typedef {import("./clock.js").Clock} Clock */
/** @typedef {import("./form.js").Answer} Answer */
/** @typedef {import("./form.js").Match} Match */
/** @typedef {import("./messages.js").ErrorCode} ErrorCode */

/**
 * How long we ask the facilitator to hold a poll, in seconds. It may answer
 * sooner, if what is in front of it does not like silent connections.
 */
const pollWait = 60;

/** What a poll may take beyond its wait, in ms: to connect, and for the answer. */
const pollSlack = 30_000;

/** The least time from one poll to the next, in ms, whatever a facilitator says. */
export const minInterval = 1000;

/** Bounds how long a facilitator can send us away, in seconds. */
const maxInterval = 3600;

/** Used when a facilitator does not say, in seconds; it is what the proxies of 2015 had. */
const defaultInterval = 60;

// The pauses after failed polls, in ms. A facilitator that restarts is back
// within seconds.
const firstPause = 5000;
const longPause = 600_000;

/** Bounds what we repeat of a refusal, in bytes. */
const maxSaid = 200;

/** Why a poll failed. The message is English and holds no client's address. */
export class PollError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = "PollError";
    this.code = code;
  }
}

/**
 * Asks the facilitator once. Rejects with a PollError, or with the signal's reason.
 *
 * @param {{fetch: typeof fetch, clock: Clock}} env
 * @param {{facilitator: string, transports: string[], allowPrivate: boolean}} options
 * @param {{clients: Address[], unreachable: Address[]}} news the clients that are served now, and the
 *   relays that could not be opened
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
export async function poll({ fetch, clock }, options, news, signal) {
  const life = child(clock, signal, pollWait * 1000 + pollSlack);
  try {
    const query = encodePoll({ ...news, transports: options.transports, wait: pollWait });
    const response = await fetch(`${options.facilitator}?${query}`, {
      signal: life.signal,
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      // A facilitator that moved must be configured anew: a redirect could send us,
      // and the addresses of the clients that we report, anywhere.
      redirect: "manual",
    });
    const answer = parse(await readAnswer(response));
    if (answer.match) check(answer.match, options);
    return answer;
  } catch (err) {
    throw explain(err, life.signal, signal);
  } finally {
    life.abort(); // whatever is left of the answer
    life.release();
  }
}

/**
 * @param {unknown} err what made a poll fail
 * @param {AbortSignal} life of the poll
 * @param {AbortSignal} parent
 * @returns {unknown} what to throw instead
 */
function explain(err, life, parent) {
  if (parent.aborted) return parent.reason;
  if (life.reason instanceof TimeoutError) return new PollError("timeout", "the facilitator did not answer in time");
  if (err instanceof PollError) return err;
  // fetch says no more than TypeError, on purpose, and its message may hold the URL.
  return new PollError("unreachable", "the facilitator cannot be reached");
}

/**
 * @param {Response} response
 * @returns {Promise<string>} the body of a 200
 */
async function readAnswer(response) {
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    throw new PollError("redirect", "the facilitator sent us elsewhere; set its new URL in the configuration of this page");
  }
  if (response.status >= 400 && response.status < 500) {
    const said = printable(await read(response, maxSaid));
    throw new PollError("refused", `the facilitator refused the poll: ${response.status}${said && `: ${said}`}`);
  }
  if (response.status !== 200) throw new PollError("status", `the facilitator answered ${response.status}`);
  return read(response, maxAnswer + 1);
}

/**
 * @param {Response} response
 * @param {number} limit in bytes; what is beyond is not read
 * @returns {Promise<string>}
 */
async function read(response, limit) {
  const bytes = new Uint8Array(limit);
  let n = 0;
  const reader = response.body?.getReader();
  while (reader && n < limit) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes.set(value.subarray(0, limit - n), n);
    n += Math.min(value.byteLength, limit - n);
  }
  reader?.cancel().catch(() => {});
  return new TextDecoder().decode(bytes.subarray(0, n));
}

/**
 * @param {string} s
 * @returns {string} its first line, "?" for all but printable ASCII
 */
function printable(s) {
  return (s.trim().split(/[\r\n]/, 1)[0] ?? "").replace(/[^ -~]/g, "?");
}

/**
 * @param {string} body
 * @returns {Answer}
 */
function parse(body) {
  try {
    return parseAnswer(body);
  } catch (err) {
    throw new PollError("garbage", `the facilitator's answer makes no sense: ${/** @type {Error} */ (err).message}`);
  }
}

/**
 * Throws unless a facilitator's match may be dialled. A name is good for wss
 * only: a browser dials it without telling where it leads, but then the host
 * there must prove that the name is its own before it is sent anything.
 *
 * @param {Match} match
 * @param {{transports: string[], allowPrivate: boolean}} options
 */
export function check({ client, clientOuter, relay, relayOuter }, { transports, allowPrivate }) {
  if (!transports.includes(clientOuter) || !transports.includes(relayOuter)) {
    throw new PollError("transport", "the facilitator gave a transport that this proxy did not offer");
  }
  if (allowPrivate) return;
  if (!client.ip || !isGlobal(client.ip)) {
    throw new PollError("private", "the facilitator gave a client whose address is not on the public Internet");
  }
  if (relay.ip ? !isGlobal(relay.ip) : relayOuter !== "wss" || !isPublicName(relay.host)) {
    throw new PollError("private", "the facilitator gave a relay whose address is not on the public Internet");
  }
}

/**
 * When to ask the facilitator, in ms since 1970.
 *
 * @typedef {object} Schedule
 * @property {() => number} due not to be asked before
 * @property {() => void} asked notes that it is asked now
 * @property {(answer: Answer) => void} succeeded notes that it answered
 * @property {(err: unknown) => void} failed notes that it did not
 * @property {() => void} hurry cuts the pause after a failure short
 */

/**
 * @param {Pick<Clock, "now">} clock
 * @param {() => number} random from 0 up to 1
 * @param {number} initial seconds before the first poll
 * @param {number | null} interval seconds between polls; null: as the facilitator says
 * @returns {Schedule}
 */
export function createSchedule(clock, random, initial, interval) {
  const pause = createBackoff(firstPause, longPause, random);
  let due = clock.now() + initial * 1000;
  let floor = 0;
  let failing = false;
  return {
    due: () => Math.max(due, floor),
    asked() {
      floor = clock.now() + minInterval;
    },
    // A facilitator that holds polls says 0 with an answer after which it wants
    // the next at once.
    succeeded({ checkBackIn }) {
      failing = false;
      pause.reset();
      const seconds = interval ?? (checkBackIn === null ? defaultInterval : Math.min(checkBackIn, maxInterval));
      due = clock.now() + jitter(seconds * 1000, random);
    },
    failed(err) {
      failing = true;
      const refused = err instanceof PollError && err.code === "refused";
      due = clock.now() + (refused ? jitter(longPause, random) : pause.fail());
    },
    hurry() {
      if (!failing) return;
      pause.reset();
      due = clock.now();
    },
  };
}
