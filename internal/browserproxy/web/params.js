// The query parameters of the page, as they were in 2015. A value that makes no
// sense is reported, not guessed: the page shows it and does not run.
//
//   debug=0|1                            show a log instead of the badge
//   unsafe_logging=0|1                   with addresses in it
//   cookierequired=0|1                   1: off until the visitor turns it on; 0: on until turned off
//   lang=CODE                            language tag, as "pt" or "pt-BR"
//   facilitator_poll_interval=SECONDS    a decimal number, 1 to 3600
//   initial_facilitator_poll_interval=SECONDS    0 to 3600
//   max_clients=N                        1 to 100
//   ratelimit=BYTES[K|M|G]|off           bytes a second, at least 10K, K is 1024
//   facilitator=URL                      } only where the operator trusts the links
//   client=ADDRESS:PORT&relay=ADDRESS:PORT   } that lead to the page (config.trustedPages)
//
// Booleans are also true, false, and nothing for true. Other parameters are ignored.

import { parseAddrPort } from "./address.js";
import { isFacilitatorURL, maxPollInterval, minPollInterval, mostClients, parseRate } from "./options.js";

/**
 * What the parameters say; what they don't is undefined.
 *
 * @typedef {object} Params
 * @property {boolean} [debug]
 * @property {boolean} [unsafeLogging]
 * @property {boolean} [cookieRequired]
 * @property {string} [lang]
 * @property {number} [pollInterval] seconds
 * @property {number} [initialPollInterval] seconds
 * @property {number} [maxClients]
 * @property {number | null} [rateLimit] bytes a second, null for none
 * @property {string} [facilitator] absolute URL
 * @property {{client: string, relay: string}} [given]
 */

/**
 * A parameter that makes no sense.
 *
 *   value       the value is none that this parameter has
 *   twice       it is given more than once
 *   untrusted   it works only on pages that the operator of the site marked for it
 *   alone       client without relay, or relay without client
 *
 * @typedef {object} Problem
 * @property {string} name of the parameter
 * @property {string} value as given, cut to 100 characters; to be shown as text only
 * @property {"value" | "twice" | "untrusted" | "alone"} code
 */

/** A link that holds these aims the browser of whoever follows it. */
const aiming = new Set(["facilitator", "client", "relay"]);

/** How much of a bad value is shown. */
const maxShown = 100;

/** @type {Record<string, {key?: keyof Params, parse: (value: string) => unknown}>} undefined is a bad value */
const readers = {
  debug: { key: "debug", parse: parseBoolean },
  unsafe_logging: { key: "unsafeLogging", parse: parseBoolean },
  cookierequired: { key: "cookieRequired", parse: parseBoolean },
  lang: { key: "lang", parse: parseLang },
  facilitator_poll_interval: { key: "pollInterval", parse: (s) => parseSeconds(s, minPollInterval) },
  initial_facilitator_poll_interval: { key: "initialPollInterval", parse: (s) => parseSeconds(s, 0) },
  max_clients: { key: "maxClients", parse: parseClients },
  ratelimit: { key: "rateLimit", parse: parseRate },
  facilitator: { key: "facilitator", parse: (s) => (isFacilitatorURL(s) ? s : undefined) },
  client: { parse: parseAddress },
  relay: { parse: parseAddress },
};

/**
 * Reads location.search. Parameters with problems are not set.
 *
 * @param {string} search with or without the "?"
 * @param {boolean} trusted whether this page is one of config.trustedPages
 * @returns {{params: Params, problems: Problem[]}}
 */
export function parseParams(search, trusted) {
  const query = new URLSearchParams(search);
  /** @type {Record<string, unknown>} */
  const params = {};
  /** @type {Problem[]} */
  const problems = [];
  for (const [name, { key, parse }] of Object.entries(readers)) {
    const [value, ...more] = query.getAll(name);
    if (value === undefined) continue;
    const read = parse(value);
    /** @param {Problem["code"]} code */
    const report = (code) => problems.push({ name, value: value.slice(0, maxShown), code });
    if (aiming.has(name) && !trusted) report("untrusted");
    else if (more.length > 0) report("twice");
    else if (read === undefined) report("value");
    else if (key) params[key] = read;
  }
  if (problems.length === 0) setGiven(params, problems, query.get("client"), query.get("relay"));
  return { params, problems };
}

/**
 * @param {Params} params
 * @param {Problem[]} problems
 * @param {string | null} client
 * @param {string | null} relay
 */
function setGiven(params, problems, client, relay) {
  if (client !== null && relay !== null) params.given = { client, relay };
  else if (client !== null) problems.push({ name: "client", value: client, code: "alone" });
  else if (relay !== null) problems.push({ name: "relay", value: relay, code: "alone" });
}

/** @param {string} s */
function parseBoolean(s) {
  if (s === "" || s === "1" || s === "true") return true;
  return s === "0" || s === "false" ? false : undefined;
}

/**
 * @param {string} s
 * @param {number} min
 */
function parseSeconds(s, min) {
  const n = /^[0-9]+(\.[0-9]*)?$/.test(s) ? Number(s) : NaN;
  return n >= min && n <= maxPollInterval ? n : undefined;
}

/** @param {string} s */
function parseClients(s) {
  const n = /^[0-9]{1,9}$/.test(s) ? Number(s) : 0;
  return n >= 1 && n <= mostClients ? n : undefined;
}

/** @param {string} s */
function parseLang(s) {
  return /^[a-z]{2,8}(-[a-z0-9]{1,8}){0,4}$/i.test(s) ? s : undefined;
}

/** @param {string} s */
function parseAddress(s) {
  try {
    return parseAddrPort(s);
  } catch {
    return undefined;
  }
}
