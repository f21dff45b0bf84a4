// A proxy with a facilitator, a network and a clock of the test's own.

import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { parseReport } from "../../web/messages.js";
import { createProxy } from "../../web/proxy.js";
import { fakeClock, settle } from "./clock.js";
import { fakeFacilitator } from "./facilitator.js";
import { fakeNet } from "./net.js";

/** @typedef {import("../../web/messages.js").State} State */
/** @typedef {import("../../web/options.js").Options} Options */

setMaxListeners(100); // a stop reaches every pair; Node warns above 10

/** @type {Options} */
export const plain = {
  facilitator: "http://facilitator.example/",
  given: null,
  transports: ["websocket", "wss"],
  limits: { maxClients: 10, rateLimit: null },
  pollInterval: null,
  initialPollInterval: 0,
  allowPrivate: false,
  debug: false,
  unsafeLogging: false,
};

/**
 * @param {object} [how]
 * @param {Partial<Options>} [how.options]
 * @param {(poll: import("./facilitator.js").Poll) => void} [how.onPoll]
 * @param {(peer: import("./net.js").Peer) => void} [how.onPeer]
 * @param {() => number} [how.random]
 */
export function world({ options = {}, onPoll, onPeer, random = () => 0.5 } = {}) {
  const clock = fakeClock();
  const facilitator = fakeFacilitator(clock, onPoll);
  const net = fakeNet(onPeer);
  /** @type {{at: number, state: State}[]} */
  const states = [];
  /** @type {string[]} */
  const lines = [];
  const env = {
    ...clock,
    fetch: facilitator.fetch,
    WebSocket: net.WebSocket,
    random,
    log: (/** @type {string} */ line) => lines.push(line),
  };
  const proxy = createProxy(env, { ...plain, ...options }, (state) => {
    parseReport({ type: "state", state });
    assert.doesNotMatch(JSON.stringify(state), /\d+\.\d+\.\d+\.\d+|::/, "an address in the state");
    states.push({ at: clock.now(), state });
  });
  return {
    clock,
    facilitator,
    net,
    states,
    lines,
    proxy,
    /** The latest state, once it is there. */
    async state() {
      await clock.advance(500);
      return /** @type {State} */ (states[states.length - 1]?.state);
    },
    /** Stops, and finds nothing left. */
    async stop() {
      let stopped = false;
      const stopping = proxy.stop().then(() => (stopped = true));
      await settle();
      assert.equal(stopped, true, "stop takes its time");
      await stopping;
      assert.equal(clock.pending(), 0, "timers are left");
      assert.equal(facilitator.pending(), 0, "a poll is left");
      for (const peer of net.peers) peer.resume(); // what was written before may still go
      assert.equal(net.open(), 0, "connections are left");
      const last = states[states.length - 1]?.state;
      assert.deepEqual([last?.running, last?.polling, last?.full, last?.clients, last?.pairs, last?.nextPoll, last?.rateUp],
        [false, false, false, 0, 0, null, 0]);
    },
  };
}
