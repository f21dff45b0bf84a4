// Open legs with their peers, for tests of what is above them.

import { parseAddrPort } from "../../web/address.js";
import { createQueue } from "../../web/leg.js";
import { openLeg } from "../../web/websocket.js";
import { fakeNet } from "./net.js";

/** @typedef {import("./clock.js").FakeClock} FakeClock */
/** @typedef {import("./net.js").Kind} Kind */
/** @typedef {import("./net.js").Peer} Peer */

/**
 * @param {import("./net.js").FakeNet} net
 * @param {FakeClock} clock
 * @param {Kind} kind
 */
export function legEnv(net, clock, kind) {
  return kind === "classic" ? { WebSocket: net.WebSocket, clock } : { WebSocket: null, WebSocketStream: net.WebSocketStream, clock };
}

/**
 * @param {FakeClock} clock
 * @param {Kind} kind
 * @param {import("../../web/leg.js").Queue} [queue]
 */
export async function openOne(clock, kind, queue = createQueue()) {
  const net = fakeNet();
  const signal = new AbortController().signal;
  const leg = await openLeg(legEnv(net, clock, kind), "websocket", parseAddrPort("8.8.8.8:9000"), queue, signal);
  return { leg, peer: /** @type {Peer} */ (net.peers[0]) };
}
