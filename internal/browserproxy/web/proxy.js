// The browser flash proxy without a page: polls a facilitator for clients, and
// for each one dials first the client and then the relay and carries bytes
// between them. The twin of internal/proxy in Go.
//
// It trusts neither the facilitator nor the clients. It knows no document and
// runs as well in a worker; whatever it needs of the browser is handed in.

import { parseAddrPort } from "./address.js";
import { child, sleep } from "./clock.js";
import { checkOptions } from "./options.js";
import { check, createSchedule, poll, PollError } from "./poll.js";
import { createLimiter } from "./ratelimit.js";
import { createReporter } from "./report.js";
import { addressForm, keepGiven, serve } from "./serve.js";
import { createUnreachable } from "./unreachable.js";

/** @typedef {import("./address.js").Address} Address */
/** @typedef {import("./clock.js").Clock} Clock */
/** @typedef {import("./form.js").Match} Match */
/** @typedef {import("./messages.js").State} State */
/** @typedef {import("./options.js").Limits} Limits */
/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./poll.js").Schedule} Schedule */

/**
 * What the proxy needs of the browser. The functions are called as they are,
 * without a this.
 *
 * @typedef {object} Needs
 * @property {typeof fetch} fetch
 * @property {any} WebSocket the class
 * @property {() => number} random from 0 up to 1
 * @property {(text: string) => void} [log] gets lines when options.debug is set
 */

/** @typedef {Needs & Clock} Env */

/**
 * @typedef {object} Proxy
 * @property {() => void} start polls and serves until stop
 * @property {() => Promise<void>} stop ends everything; when it resolves nothing is left: no
 *   timer, no connection, no listener. It may be started again
 * @property {(limits: Limits) => void} setLimits takes effect at once; clients that are already
 *   served stay
 * @property {() => void} retry cuts the pause after a failed poll short
 */

/** The longest sleep before a poll, in ms, whatever happens to the clock meanwhile. */
const longestSleep = 1.25 * 3600 * 1000;

/**
 * @param {Env} env
 * @param {Options} wanted
 * @param {(state: State) => void} onState is called at most twice a second, and when it stopped
 * @returns {Proxy}
 */
export function createProxy(env, wanted, onState) {
  const options = checkOptions(wanted);
  /** @type {Clock} */
  const clock = env;
  const limiter = createLimiter(clock, options.limits.rateLimit);
  const slots = createSlots(options.limits.maxClients);
  const report = createReporter(clock, options.transports, onState);
  const shown = addressForm(options.unsafeLogging);
  /** @type {Map<symbol, Address>} clients that are being served, one entry for each time */
  const served = new Map();
  const unreachable = createUnreachable();
  const serving = {
    env: { WebSocket: env.WebSocket, random: env.random, clock, limiter },
    report,
    unreachable,
    log,
  };
  /** @type {AbortController | null} from start to stop */
  let life = null;
  let done = Promise.resolve();
  let hurry = () => {};
  let withdraw = () => {};

  /**
   * @param {string} text
   * @param {Address} [address]
   */
  function log(text, address) {
    if (options.debug) env.log?.(address ? `${text} ${shown(address)}` : text);
  }

  /** @param {AbortSignal} signal */
  async function run(signal) {
    report.set({ running: true, nobody: false, error: null });
    /** @type {Set<Promise<void>>} */
    const clients = new Set();
    try {
      if (options.given) await keepGiven(serving, givenMatch(options), signal);
      else await pollFor(signal, clients);
    } catch (err) {
      if (!signal.aborted) report.set({ error: describe(err) });
    }
    await Promise.all(clients);
    report.set({ running: false, polling: false, full: false, nextPoll: null });
    report.finish();
  }

  /**
   * Polls until the signal is aborted. Nothing else ends it.
   *
   * @param {AbortSignal} signal
   * @param {Set<Promise<void>>} clients what is under way
   */
  async function pollFor(signal, clients) {
    const schedule = createSchedule(clock, env.random, options.initialPollInterval, options.pollInterval);
    for (;;) {
      await sleepUntilDue(schedule, signal);
      await takeSlot(signal);
      const match = await ask(schedule, signal);
      if (!match) {
        slots.give();
        continue;
      }
      const client = serveOne(match, signal).finally(() => clients.delete(client));
      clients.add(client);
    }
  }

  /**
   * @param {Schedule} schedule
   * @param {AbortSignal} signal
   */
  async function sleepUntilDue(schedule, signal) {
    for (;;) {
      const nap = child(clock, signal);
      const ms = Math.min(Math.max(schedule.due() - clock.now(), 0), longestSleep);
      report.set({ nextPoll: clock.now() + ms });
      hurry = () => {
        schedule.hurry();
        nap.abort();
      };
      try {
        return await sleep(clock, ms, nap.signal);
      } catch {
        signal.throwIfAborted();
      } finally {
        hurry = () => {};
        nap.release();
      }
    }
  }

  /** @param {AbortSignal} signal */
  async function takeSlot(signal) {
    report.set({ nextPoll: null, full: slots.full() });
    await slots.take(signal);
    report.set({ full: false });
  }

  /**
   * Polls once.
   *
   * @param {Schedule} schedule
   * @param {AbortSignal} signal
   * @returns {Promise<Match | null>}
   */
  async function ask(schedule, signal) {
    const asking = child(clock, signal);
    const relays = unreachable.take();
    withdraw = () => asking.abort();
    schedule.asked();
    report.set({ polling: true });
    try {
      const answer = await poll({ fetch: env.fetch, clock }, options, { clients: [...served.values()], unreachable: relays }, asking.signal);
      schedule.succeeded(answer);
      report.set({ lastPoll: clock.now(), nobody: !answer.match, error: null });
      return answer.match;
    } catch (err) {
      // What was refused is not said again: it may be what was wrong.
      if (!(err instanceof PollError && err.code === "refused")) unreachable.add(relays);
      signal.throwIfAborted();
      if (asking.signal.aborted) return null;
      schedule.failed(err);
      const error = describe(err);
      report.set({ error });
      log(error.text);
      return null;
    } finally {
      withdraw = () => {};
      asking.release();
      report.set({ polling: false });
    }
  }

  /**
   * Serves a client, and gives its slot back. Never rejects.
   *
   * @param {Match} match
   * @param {AbortSignal} signal
   */
  async function serveOne(match, signal) {
    const key = Symbol();
    served.set(key, match.client);
    try {
      await serve(serving, match, signal);
    } finally {
      served.delete(key);
      slots.give();
    }
  }

  return {
    start() {
      if (life) return;
      life = new AbortController();
      const { signal } = life;
      done = done.then(() => run(signal));
    },
    stop() {
      life?.abort();
      life = null;
      return done;
    },
    setLimits({ maxClients, rateLimit }) {
      limiter.setRate(rateLimit);
      slots.setMost(maxClients);
      if (slots.over()) withdraw();
    },
    retry: () => hurry(),
  };
}

/**
 * One slot for each client served, and one while polling.
 *
 * @param {number} most
 */
function createSlots(most) {
  let used = 0;
  let freed = () => {};
  return {
    full: () => used >= most,
    over: () => used > most,
    /**
     * Waits for a free slot and takes it. One may wait at a time.
     *
     * @param {AbortSignal} signal
     */
    async take(signal) {
      while (used >= most) {
        await new Promise((/** @type {(value: void) => void} */ resolve) => {
          freed = resolve;
          signal.addEventListener("abort", freed, { once: true });
        });
        signal.removeEventListener("abort", freed);
        signal.throwIfAborted();
      }
      signal.throwIfAborted();
      used++;
    },
    give() {
      used--;
      freed();
    },
    /** @param {number} n */
    setMost(n) {
      most = n;
      freed();
    },
  };
}

/**
 * The client and relay that were given instead of a facilitator. A link may have
 * brought them, so they are held to the same as a facilitator's.
 *
 * @param {Options} options
 * @returns {Match}
 */
function givenMatch(options) {
  const { client, relay } = /** @type {NonNullable<Options["given"]>} */ (options.given);
  const match = { client: parseAddrPort(client), clientOuter: "websocket", relay: parseAddrPort(relay), relayOuter: "websocket" };
  check(match, options);
  return match;
}

/**
 * @param {unknown} err
 * @returns {NonNullable<State["error"]>}
 */
function describe(err) {
  if (err instanceof PollError) return { code: err.code, text: err.message };
  return { code: "internal", text: String(err) };
}
