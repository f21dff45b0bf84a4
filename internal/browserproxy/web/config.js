// What the operator of the site decides. The facilitator writes this file itself
// from its flags; on another web host, edit it.

/**
 * @typedef {object} Config
 * @property {string} facilitator URL of the facilitator, relative to the page or absolute
 * @property {boolean} allowPrivate whether addresses that are not on the public Internet may be
 *   dialled; only for tests, as a stranger could aim visitors' browsers at their own networks
 * @property {string[]} trustedPages pages ("proxy", "embed", "options") on which the parameters
 *   facilitator, client and relay work. A link can hold them, so whoever makes the link aims the
 *   browser of whoever follows it
 * @property {"ask" | "optout"} consent "ask": off until the visitor turns it on; "optout": on
 *   until turned off
 * @property {number} maxClients how many clients a page serves at once, 1 to 100
 * @property {string} rateLimit bytes a second of a page, as "500K" or "1.5M", or "off"
 * @property {number} initialPollInterval seconds before a page asks for its first client
 * @property {boolean} wssOnly offer wss alone on any page, as an https page must in any case
 */

/** @type {Config} */
export const config = {
  facilitator: "../",
  allowPrivate: false,
  trustedPages: [],
  consent: "ask",
  maxClients: 10,
  rateLimit: "off",
  initialPollInterval: 0,
  wssOnly: false,
};
