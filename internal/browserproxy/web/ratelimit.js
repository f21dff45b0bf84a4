// One limit over all pairs of the proxy, both ways together. Who wants to send
// asks first; while there are not enough tokens all wait, and those come first
// that have sent least: start-time fair queueing (Goyal, Vin and Cheng, 1996), so
// that a pair with small messages gets as many bytes as one with large ones.

import { maxMessage } from "./leg.js";

/** @typedef {import("./clock.js").Clock} Clock */

/**
 * One direction of one pair.
 *
 * @typedef {object} Flow
 * @property {() => number} quantum how many bytes to ask for at most: fewer when the limit is low,
 *   so that nobody waits long for another's message
 * @property {(n: number, signal: AbortSignal) => Promise<void> | undefined} take waits until n
 *   bytes may be sent, 0 < n <= maxMessage; undefined when they may at once. One take at a time
 */

/**
 * @typedef {object} Limiter
 * @property {(bytesPerSecond: number | null) => void} setRate null is no limit
 * @property {() => Flow} flow
 */

/** @typedef {{n: number, start: number, grant: () => void}} Waiter */

/** The smallest quantum, in bytes: two of Tor's cells. */
const minQuantum = 1 << 10;

/** A quantum is what goes in so much time, in s. */
const quantumTime = 0.05;

/** Tokens are saved up for so long while nobody wants any, in s: this is the burst. */
const burstTime = 0.1;

/** And while somebody waits, as when the timer comes late: a hidden page's timers come once a second. */
const lateTime = 2;

/** How far a flow may fall behind the others and still catch up, in s of the whole rate. */
const creditTime = 0.25;

/**
 * @param {Clock} clock
 * @param {number | null} bytesPerSecond
 * @returns {Limiter}
 */
export function createLimiter(clock, bytesPerSecond) {
  let rate = bytesPerSecond ?? Infinity;
  let tokens = 0;
  let filled = clock.now();
  let virtual = 0; // the start tag of what was sent last
  /** @type {unknown} */
  let timer;
  /** @type {Set<Waiter>} */
  const waiting = new Set();

  const quantum = () => Math.min(Math.max(Math.floor(rate * quantumTime), minQuantum), maxMessage);

  function fill() {
    const now = clock.now();
    const elapsed = Math.max(now - filled, 0) / 1000; // clocks are set back too
    filled = now;
    // Whoever waits must be able to get what it wants, or it would wait for ever.
    let most = Math.max(rate * lateTime, maxMessage);
    if (waiting.size === 0) most = Math.max(rate * burstTime, quantum(), elapsed < burstTime ? tokens : 0);
    tokens = Math.min(tokens + rate * elapsed, most);
  }

  /** Lets go as many as there are tokens for, and comes again for the next. */
  function dispatch() {
    clock.clearTimeout(timer);
    timer = undefined;
    if (rate !== Infinity) fill();
    for (let next = first(); next; next = first()) {
      if (rate !== Infinity && tokens < next.n) {
        timer = clock.setTimeout(dispatch, Math.ceil(((next.n - tokens) / rate) * 1000));
        return;
      }
      waiting.delete(next);
      if (rate !== Infinity) tokens -= next.n;
      virtual = Math.max(virtual, next.start);
      next.grant();
    }
  }

  function first() {
    /** @type {Waiter | undefined} */
    let best;
    for (const w of waiting) {
      if (!best || w.start < best.start) best = w;
    }
    return best;
  }

  return {
    setRate(bytesPerSecond) {
      if (rate !== Infinity) fill();
      rate = bytesPerSecond ?? Infinity;
      filled = clock.now();
      tokens = Math.min(tokens, rate * burstTime);
      dispatch();
    },
    flow() {
      let finish = 0; // the start tag of this flow's next
      return {
        quantum,
        take(n, signal) {
          if (rate === Infinity) return undefined;
          // Who was away may not make up for it; but who sends small messages is away
          // again after each, and must.
          const credit = Math.max(rate * creditTime, 2 * quantum());
          const start = Math.max(finish, virtual - credit);
          finish = start + n;
          return new Promise((resolve, reject) => {
            signal.throwIfAborted();
            if (waiting.size === 0) fill(); // the time until now was idle
            /** @type {Waiter} */
            const waiter = {
              n,
              start,
              grant() {
                signal.removeEventListener("abort", leave);
                resolve();
              },
            };
            function leave() {
              waiting.delete(waiter);
              reject(signal.reason);
              dispatch();
            }
            signal.addEventListener("abort", leave, { once: true });
            waiting.add(waiter);
            dispatch();
          });
        },
      };
    },
  };
}
