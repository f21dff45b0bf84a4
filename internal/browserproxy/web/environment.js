// Whether this browser, here and now, should be a proxy at all, and whether the
// visitor wants it to. The page shows why not.

/**
 * Why a page may not be a proxy:
 *
 *   no-websocket   the browser has no WebSocket
 *   tor-browser    its connections come out of Tor: censors' users gain nothing by
 *                  them, and Tor is loaded with traffic twice
 *   mobile         a telephone or tablet: its battery, and perhaps its traffic, costs
 *   metered        the visitor asked to save data, or the connection is a cellular one
 *   mixed          the page came by https and the facilitator is http: browsers forbid it
 *
 * @typedef {"no-websocket" | "tor-browser" | "mobile" | "metered" | "mixed"} Obstacle
 */

/**
 * What is looked at; a window has all of it.
 *
 * @typedef {object} Surroundings
 * @property {unknown} [WebSocket]
 * @property {unknown} [RTCPeerConnection]
 * @property {{protocol: string}} location
 * @property {NavigatorLike} navigator
 * @property {() => string} timeZone as Intl.DateTimeFormat().resolvedOptions().timeZone gives it
 */

/**
 * @typedef {object} NavigatorLike
 * @property {string} userAgent
 * @property {number} [maxTouchPoints]
 * @property {{mobile?: boolean}} [userAgentData]
 * @property {{saveData?: boolean, type?: string}} [connection] may change: listen to its "change"
 */

/**
 * @param {Surroundings} here
 * @param {string} facilitator its absolute URL
 * @returns {Obstacle | null}
 */
export function obstacle(here, facilitator) {
  if (typeof here.WebSocket !== "function") return "no-websocket";
  if (isTorBrowser(here)) return "tor-browser";
  if (isMobile(here.navigator)) return "mobile";
  if (isMetered(here.navigator)) return "metered";
  if (here.location.protocol === "https:" && !isSecure(facilitator)) return "mixed";
  return null;
}

/**
 * Tor Browser hides what it is, but it is a Firefox without WebRTC whose clock is
 * that of nowhere in particular.
 *
 * @param {Surroundings} here
 */
function isTorBrowser({ navigator, RTCPeerConnection, timeZone }) {
  return /\bFirefox\//.test(navigator.userAgent) && RTCPeerConnection === undefined &&
    /^(UTC|GMT|Etc\/.*|Atlantic\/Reykjavik)$/.test(timeZone());
}

/** @param {NavigatorLike} navigator */
function isMobile({ userAgent, userAgentData, maxTouchPoints = 0 }) {
  if (userAgentData?.mobile !== undefined) return userAgentData.mobile || /\bAndroid\b/.test(userAgent);
  return /\b(Android|iPhone|iPad|iPod|Mobile|Tablet|Opera Mini|IEMobile)\b/.test(userAgent) ||
    (/\bMacintosh\b/.test(userAgent) && maxTouchPoints > 1); // an iPad says that it is a Mac, which has no touch screen
}

/** @param {NavigatorLike} navigator */
function isMetered({ connection }) {
  return connection?.saveData === true || connection?.type === "cellular";
}

/**
 * Whether an https page may fetch it (W3C Secure Contexts, section 3.1).
 *
 * @param {string} url
 */
function isSecure(url) {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || isOwnMachine(hostname);
}

/**
 * Whether a URL's host is the computer on which the browser runs.
 *
 * @param {string} hostname
 */
export function isOwnMachine(hostname) {
  return /^(127(\.[0-9]+){3}|\[::1\]|(.*\.)?localhost)$/.test(hostname);
}

/**
 * Tells whether the visitor wants to be a proxy.
 *
 * @param {"ask" | "optout"} consent "ask": off until turned on; "optout": on until turned off
 * @param {boolean | undefined} cookieRequired the parameter, which goes before: true is "ask"
 * @param {"on" | "off" | null} choice what the visitor chose and the page remembers, null for nothing
 * @returns {boolean}
 */
export function consented(consent, cookieRequired, choice) {
  if (choice) return choice === "on";
  return cookieRequired === undefined ? consent === "optout" : !cookieRequired;
}
