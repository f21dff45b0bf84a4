// The wire forms between proxy and facilitator (doc/protocol.md): the query of a
// poll, written, and the answer, read. The twin of poll.go and answer.go in
// internal/registration; both are held to test/answers.json and test/polls.json.

import { formatAddress, parseAddrPort, parseRelayAddr } from "./address.js";

/** @typedef {import("./address.js").Address} Address */

/** More than any answer to a poll has, in bytes: what a proxy reads of one. */
export const maxAnswer = 8 << 10;

/** Bounds every number of seconds on the wire: a day. */
const maxSeconds = 24 * 60 * 60;

/** Bounds the key=value pairs of one form, more than any message has. */
const maxPairs = 512;

/** How many clients a facilitator reads from one poll. */
const maxClients = 256;

/** How many relays a facilitator reads from one poll. */
export const maxUnreachable = 8;

/**
 * A client and a relay for a proxy to connect, each with its outer transport.
 *
 * @typedef {object} Match
 * @property {Address} client numeric
 * @property {string} clientOuter
 * @property {Address} relay numeric or a name
 * @property {string} relayOuter
 */

/**
 * The facilitator's reply to a poll.
 *
 * @typedef {object} Answer
 * @property {Match | null} match null when there is nobody for this proxy now
 * @property {number | null} checkBackIn when to poll again, in seconds; null when it did not say
 */

/**
 * Writes the query of a poll, without its "?".
 *
 * @param {{clients: Address[], transports: string[], unreachable: Address[], wait: number}} poll the
 *   clients served now, the outer transports offered, the relays that could not be opened since the
 *   last poll, and for how many seconds the answer may be held back
 * @returns {string}
 */
export function encodePoll({ clients, transports, unreachable, wait }) {
  const fields = ["r=1"];
  for (const c of clients.slice(0, maxClients)) fields.push(`client=${encodeURIComponent(formatAddress(c))}`);
  for (const t of transports) fields.push(`transport=${encodeURIComponent(t)}`);
  for (const r of unreachable.slice(0, maxUnreachable)) fields.push(`unreachable=${encodeURIComponent(formatAddress(r))}`);
  if (wait > 0) fields.push(`wait=${Math.min(Math.ceil(wait), maxSeconds)}`);
  return fields.join("&");
}

/**
 * Reads the body of an answer. A match is complete and numeric but for a relay's
 * name; whether it may be dialled is for poll.js to check. Throws an Error that
 * quotes nothing of the answer.
 *
 * @param {string} body
 * @returns {Answer}
 */
export function parseAnswer(body) {
  if (body.length > maxAnswer) throw new Error(`the answer is longer than ${maxAnswer} bytes`);
  const form = parseForm(body);
  const checkBackIn = form.has("check-back-in") ? parseSeconds(once(form, "check-back-in")) : null;
  const client = once(form, "client");
  return { match: client === "" ? null : parseMatch(client, form), checkBackIn };
}

/**
 * @param {string} client
 * @param {URLSearchParams} form
 * @returns {Match}
 */
function parseMatch(client, form) {
  return {
    client: about("client", () => parseAddrPort(client)),
    relay: about("relay", () => parseRelayAddr(once(form, "relay"))),
    clientOuter: parseOuter(form, "client-transport"),
    relayOuter: parseOuter(form, "relay-transport"),
  };
}

/**
 * @template T
 * @param {string} what
 * @param {() => T} parse
 * @returns {T}
 */
function about(what, parse) {
  try {
    return parse();
  } catch (err) {
    throw new Error(`${what}: ${/** @type {Error} */ (err).message}`);
  }
}

/**
 * Reads an outer transport, websocket where none is named: that is the only one
 * that the 2015 system had.
 *
 * @param {URLSearchParams} form
 * @param {string} key
 * @returns {string}
 */
function parseOuter(form, key) {
  if (!form.has(key)) return "websocket";
  const outer = once(form, key);
  if (!/^[A-Za-z0-9_.-]{1,32}$/.test(outer)) throw new Error(`${key}: not the name of an outer transport`);
  return outer;
}

/**
 * @param {string} s
 * @returns {number}
 */
function parseSeconds(s) {
  if (!/^[0-9]+$/.test(s) || Number(s) > maxSeconds) {
    throw new Error(`check-back-in: not a whole number of seconds from 0 to ${maxSeconds}`);
  }
  return Number(s);
}

/**
 * Reads application/x-www-form-urlencoded strictly. URLSearchParams alone would
 * let a "%" stand that begins no escape, and takes ";" for data.
 *
 * @param {string} s
 * @returns {URLSearchParams}
 */
function parseForm(s) {
  if (s.split("&", maxPairs + 1).length > maxPairs) throw new Error("too many fields");
  if (/;|%(?![0-9A-Fa-f]{2})/.test(s)) {
    throw new Error('not a form: fields are key=value, joined with "&", other bytes as %XX');
  }
  return new URLSearchParams(`&${s}`); // the "&" keeps a "?" in front from being dropped
}

/**
 * The value of a key that must be there exactly once.
 *
 * @param {URLSearchParams} form
 * @param {string} key
 * @returns {string}
 */
function once(form, key) {
  const [value, ...more] = form.getAll(key);
  if (value === undefined) throw new Error(`no ${key}`);
  if (more.length > 0) throw new Error(`${key} is given ${more.length + 1} times`);
  return value;
}
