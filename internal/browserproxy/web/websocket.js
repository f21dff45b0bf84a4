// Opens a WebSocket as one end of a pair. Where the browser has WebSocketStream
// (Chromium) a leg is not read until the other leg has taken what was read, so
// that a slow side stops the fast one. A classic WebSocket (the rest) cannot be
// stopped: what it brings waits in a queue, and a pair whose queue is over the
// bound is closed. stream.js and classic.js are the two kinds.

import { formatAddress } from "./address.js";
import { openClassic } from "./classic.js";
import { openStream } from "./stream.js";

/** @typedef {import("./address.js").Address} Address */
/** @typedef {import("./clock.js").Clock} Clock */
/** @typedef {import("./leg.js").Leg} Leg */
/** @typedef {import("./leg.js").Queue} Queue */

/**
 * What both kinds of leg are made of.
 *
 * @typedef {object} LegEnv
 * @property {any} WebSocket
 * @property {any} [WebSocketStream]
 * @property {Clock} clock
 */

/**
 * Opens a leg. Rejects with a LegError, or with the signal's reason; the signal
 * ends the opening only.
 *
 * @param {LegEnv} env
 * @param {string} outer "websocket" or "wss"
 * @param {Address} address
 * @param {Queue} queue that of the pair
 * @param {AbortSignal} signal
 * @returns {Promise<Leg>}
 */
export async function openLeg(env, outer, address, queue, signal) {
  const url = `${outer === "wss" ? "wss" : "ws"}://${formatAddress(address)}/`;
  return env.WebSocketStream ? openStream(env, url, signal) : openClassic(env, url, queue, signal);
}
