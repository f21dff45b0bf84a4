// Serves a client: dials it, and the relay only when the client is there, and
// carries bytes between them. The twin of serve.go and given.go in internal/proxy.

import { formatAddress } from "./address.js";
import { child, createBackoff, sleep } from "./clock.js";
import { createQueue } from "./leg.js";
import { runPair } from "./pair.js";
import { openLeg } from "./websocket.js";

/** @typedef {import("./address.js").Address} Address */
/** @typedef {import("./form.js").Match} Match */
/** @typedef {import("./leg.js").Leg} Leg */
/** @typedef {import("./leg.js").Queue} Queue */

/**
 * What a client is served with.
 *
 * @typedef {object} Serving
 * @property {import("./websocket.js").LegEnv & {limiter: import("./ratelimit.js").Limiter, random: () => number}} env
 * @property {import("./report.js").Reporter} report
 * @property {import("./unreachable.js").Unreachable} unreachable gets the relays that cannot be opened
 * @property {(text: string, address?: Address) => void} log
 */

/** Why there is no pair. */
class DialError extends Error {
  /**
   * @param {"client" | "relay"} whom
   * @param {unknown} err
   */
  constructor(whom, err) {
    super(`dial the ${whom}: ${err instanceof Error ? err.message : err}`);
    this.whom = whom;
  }
}

/** How many pairs a client gets. */
export const pairsPerClient = 2;

/**
 * For one dial, in ms: name, TLS and WebSocket handshake included. A TCP connection
 * gets its first five tries in it (RFC 6298).
 */
const dialTimeout = 30_000;

// How long to pause before a given pair is dialled again, in ms: whoever started
// this waits at the other end.
const firstRedial = 1000;
const longRedial = 60_000;

/** How long a given pair must have lasted to make the pause short again, in ms. */
const steady = 60_000;

/**
 * Opens the pairs of one client, one after the other, and resolves when the last has
 * ended. After a dial that failed no other is tried: a bad registration must not
 * make us knock twice. A relay that was not opened even once is unreachable.
 *
 * @param {Serving} serving
 * @param {Match} match
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export async function serve(serving, match, signal) {
  const { report, log } = serving;
  let open = 0; // pairs
  /** @type {Promise<void>[]} */
  const pairs = [];
  try {
    while (pairs.length < pairsPerClient) {
      const pair = await openPair(serving, match, signal);
      if (pairs.length === 0) report.add("served", 1);
      if (open++ === 0) report.add("clients", 1);
      pairs.push(carry(serving, pair, signal).finally(() => {
        if (--open === 0) report.add("clients", -1);
      }));
    }
  } catch (err) {
    const failed = err instanceof DialError && err.whom === "relay" && pairs.length === 0;
    if (failed && !signal.aborted) serving.unreachable.add([match.relay]);
    log(`no connection: ${/** @type {Error} */ (err).message}`, match.client);
  }
  await Promise.all(pairs);
}

/**
 * Keeps the pairs of a given client and relay open until the signal is aborted.
 *
 * @param {Serving} serving
 * @param {Match} match
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export async function keepGiven(serving, match, signal) {
  const { report } = serving;
  let open = 0; // pairs
  /** @param {number} n */
  const count = (n) => {
    const before = open;
    open += n;
    if (n > 0 && before === 0 && report.state.served === 0) report.add("served", 1);
    if (before === 0 || open === 0) report.add("clients", n);
  };
  await Promise.all(Array.from({ length: pairsPerClient }, () => keepOne(serving, match, signal, count)));
}

/**
 * @param {Serving} serving
 * @param {Match} match
 * @param {AbortSignal} signal
 * @param {(n: number) => void} count is told of pairs that opened and closed
 */
async function keepOne(serving, match, signal, count) {
  const { env, report } = serving;
  const pause = createBackoff(firstRedial, longRedial, env.random);
  while (!signal.aborted) {
    const start = env.clock.now();
    try {
      const pair = await openPair(serving, match, signal);
      count(1);
      report.set({ error: null });
      await carry(serving, pair, signal).finally(() => count(-1));
      if (env.clock.now() - start >= steady) pause.reset();
    } catch (err) {
      if (!signal.aborted) report.set({ error: { code: "pair", text: /** @type {Error} */ (err).message } });
    }
    await sleep(env.clock, pause.fail(), signal).catch(() => {});
  }
}

/**
 * A client's leg and a relay's.
 *
 * @typedef {{client: Leg, relay: Leg, address: Address}} Pair
 */

/**
 * Dials the client, and the relay only when the client is there.
 *
 * @param {Serving} serving
 * @param {Match} match
 * @param {AbortSignal} signal
 * @returns {Promise<Pair>}
 */
async function openPair(serving, match, signal) {
  const queue = createQueue();
  const client = await dial(serving, "client", match.clientOuter, match.client, queue, signal);
  try {
    return { client, relay: await dial(serving, "relay", match.relayOuter, match.relay, queue, signal), address: match.client };
  } catch (err) {
    client.abort();
    throw err;
  }
}

/**
 * @param {Serving} serving
 * @param {"client" | "relay"} whom
 * @param {string} outer
 * @param {Address} address
 * @param {Queue} queue
 * @param {AbortSignal} signal
 * @returns {Promise<Leg>}
 */
async function dial({ env }, whom, outer, address, queue, signal) {
  const life = child(env.clock, signal, dialTimeout);
  try {
    return await openLeg(env, outer, address, queue, life.signal);
  } catch (err) {
    throw new DialError(whom, err);
  } finally {
    life.release();
  }
}

/**
 * Carries a pair's bytes until it ends. Never rejects.
 *
 * @param {Serving} serving
 * @param {Pair} pair
 * @param {AbortSignal} signal
 */
async function carry({ env, report, log }, { client, relay, address }, signal) {
  report.add("pairs", 1);
  log("connected with", address);
  const why = await runPair(env, client, relay, signal, report.carried);
  report.add("pairs", -1);
  log(`a connection ended, ${why}:`, address);
}

/**
 * How addresses look in the log.
 *
 * @param {boolean} unsafe
 * @returns {(a: Address) => string}
 */
export function addressForm(unsafe) {
  return unsafe ? formatAddress : () => "[scrubbed]";
}
