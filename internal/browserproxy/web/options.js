// What a proxy is to do: the twin of proxy.Config. Made by the page from the
// site's config, the page's parameters and what the visitor set; checked again
// where it arrives.

import { parseAddrPort } from "./address.js";
import { isOwnMachine } from "./environment.js";

/**
 * What the visitor may change while the proxy runs.
 *
 * @typedef {object} Limits
 * @property {number} maxClients how many clients are served at once, 1 to 100
 * @property {number | null} rateLimit bytes a second, both ways of all pairs summed, at least
 *   10 KiB; null for no limit
 */

/**
 * @typedef {object} Options
 * @property {string} facilitator absolute http or https URL without query; its path is kept
 * @property {{client: string, relay: string} | null} given a client and a relay to connect
 *   without asking the facilitator, each ADDRESS:PORT
 * @property {string[]} transports outer transports that this page can open: "websocket", "wss"
 * @property {Limits} limits
 * @property {number | null} pollInterval seconds between polls, 1 to 3600; null: as the
 *   facilitator says
 * @property {number} initialPollInterval seconds before the first poll, 0 to 3600
 * @property {boolean} allowPrivate whether addresses that are not on the public Internet may be dialled
 * @property {boolean} debug whether to log what happens
 * @property {boolean} unsafeLogging whether the log may have addresses in it
 */

/** Below this Tor is of no use to anybody; it is the least of 2015 too. In bytes a second. */
export const minRateLimit = 10 << 10;

/** More than a browser can serve well, and less than a facilitator reads in one poll. */
export const mostClients = 100;

/** The longest interval between polls, in seconds. */
export const maxPollInterval = 3600;

/** The shortest, in seconds. */
export const minPollInterval = 1;

/**
 * Makes options of all who have a say. What the visitor set goes before the
 * parameters, and those before the site's config. Throws a TypeError when the
 * config makes no sense.
 *
 * @param {import("./config.js").Config} config
 * @param {import("./params.js").Params} params
 * @param {Partial<Limits>} chosen what the visitor set, checked
 * @param {{href: string, protocol: string}} location of the page
 * @returns {Options}
 */
export function makeOptions(config, params, chosen, location) {
  return checkOptions({
    facilitator: params.facilitator ?? absolute(config.facilitator, location.href),
    given: params.given ?? null,
    transports: transportsOn(location.protocol, config.wssOnly,
      config.allowPrivate && isOwnMachine(new URL(location.href).hostname)),
    limits: {
      maxClients: chosen.maxClients ?? params.maxClients ?? config.maxClients,
      rateLimit: firstSet(chosen.rateLimit, params.rateLimit, parseRate(config.rateLimit)),
    },
    pollInterval: params.pollInterval ?? null,
    initialPollInterval: params.initialPollInterval ?? config.initialPollInterval,
    allowPrivate: config.allowPrivate,
    debug: params.debug ?? false,
    unsafeLogging: params.unsafeLogging ?? false,
  });
}

/**
 * The outer transports that a page can open. A page that came by https may open
 * wss only (W3C Mixed Content, section 5.3), but where it is for tests on one machine:
 * browsers let it open websocket to that.
 *
 * @param {string} protocol of the page, as "https:"
 * @param {boolean} wssOnly
 * @param {boolean} local it came from this machine, and clients and relays may be there too
 * @returns {string[]}
 */
export function transportsOn(protocol, wssOnly, local) {
  return wssOnly || (protocol === "https:" && !local) ? ["wss"] : ["websocket", "wss"];
}

/**
 * @template T
 * @param {(T | undefined)[]} values null is a value
 * @returns {T | undefined}
 */
function firstSet(...values) {
  return values.find((v) => v !== undefined);
}

/**
 * @param {string} url
 * @param {string} base
 * @returns {string} "" when there is no such URL
 */
function absolute(url, base) {
  try {
    return new URL(url, base).href;
  } catch {
    return "";
  }
}

/**
 * Checks limits that came as a message or out of storage. Throws a TypeError that
 * names the field.
 *
 * @param {any} value
 * @returns {Limits}
 */
export function checkLimits(value) {
  const { maxClients, rateLimit } = object("limits", value);
  if (!Number.isInteger(maxClients) || maxClients < 1 || maxClients > mostClients) bad("maxClients");
  if (rateLimit !== null && !within(rateLimit, minRateLimit, Number.MAX_SAFE_INTEGER)) bad("rateLimit");
  return { maxClients, rateLimit };
}

/**
 * Checks options that came as a message. Throws a TypeError that names the field.
 *
 * @param {any} value
 * @returns {Options}
 */
export function checkOptions(value) {
  const o = object("options", value);
  if (typeof o.facilitator !== "string" || !isFacilitatorURL(o.facilitator)) bad("facilitator");
  if (!Array.isArray(o.transports) || o.transports.length === 0 ||
    !o.transports.every((/** @type {unknown} */ t) => t === "websocket" || t === "wss")) bad("transports");
  if (o.pollInterval !== null && !within(o.pollInterval, minPollInterval, maxPollInterval)) bad("pollInterval");
  if (!within(o.initialPollInterval, 0, maxPollInterval)) bad("initialPollInterval");
  for (const key of ["allowPrivate", "debug", "unsafeLogging"]) {
    if (typeof o[key] !== "boolean") bad(key);
  }
  return {
    facilitator: o.facilitator,
    given: o.given === null ? null : checkGiven(o.given),
    transports: [...o.transports],
    limits: checkLimits(o.limits),
    pollInterval: o.pollInterval,
    initialPollInterval: o.initialPollInterval,
    allowPrivate: o.allowPrivate,
    debug: o.debug,
    unsafeLogging: o.unsafeLogging,
  };
}

/**
 * @param {any} value
 * @returns {{client: string, relay: string}}
 */
function checkGiven(value) {
  const { client, relay } = object("given", value);
  for (const address of [client, relay]) {
    try {
      parseAddrPort(address);
    } catch {
      bad("given");
    }
  }
  return { client, relay };
}

/**
 * @param {string} name
 * @param {any} value
 * @returns {any}
 */
function object(name, value) {
  if (typeof value !== "object" || value === null) bad(name);
  return value;
}

/**
 * @param {unknown} n
 * @param {number} min
 * @param {number} max
 */
function within(n, min, max) {
  return typeof n === "number" && n >= min && n <= max;
}

/**
 * @param {string} field
 * @returns {never}
 */
function bad(field) {
  throw new TypeError(`not a proxy's options: ${field}`);
}

/**
 * Tells whether s can be the URL of a facilitator: absolute, http or https, no
 * name and password, no query, no fragment.
 *
 * @param {string} s
 * @returns {boolean}
 */
export function isFacilitatorURL(s) {
  let url;
  try {
    url = new URL(s);
  } catch {
    return false;
  }
  return /^https?:$/.test(url.protocol) && !/[?#]/.test(s) && url.username === "" && url.password === "";
}

/**
 * Reads a limit in bytes a second: a decimal number with or without K, M or G
 * (powers of 1024, in either case), or "off", which gives null. It is also what
 * config.js has and what a visitor may type.
 *
 * @param {string} s
 * @returns {number | null | undefined} undefined when it makes no sense
 */
export function parseRate(s) {
  if (s === "off") return null;
  const m = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([kmg]?)$/i.exec(s);
  if (!m?.[1]) return undefined;
  const bytes = Number(m[1]) * 1024 ** " kmg".indexOf((m[2] || " ").toLowerCase());
  return bytes >= minRateLimit && bytes <= Number.MAX_SAFE_INTEGER ? bytes : undefined;
}
