// An open leg with its peer, for tests of what is above.

import { parseAddrPort } from "../../web/address.js";
import { createQueue } from "../../web/leg.js";
import { openLeg } from "../../web/websocket.js";
import { fakeNet } from "./net.js";

/**
 * @param {import("./clock.js").FakeClock} clock
 * @param {import("../../web/leg.js").Queue} [queue]
 */
export async function openOne(clock, queue = createQueue()) {
  const net = fakeNet();
  const signal = new AbortController().signal;
  const leg = await openLeg({ WebSocket: net.WebSocket, clock }, "websocket", parseAddrPort("8.8.8.8:9000"), queue, signal);
  return { leg, peer: /** @type {import("./net.js").Peer} */ (net.peers[0]) };
}
