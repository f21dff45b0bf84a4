// Time, handed in: so that tests have one of their own. An AbortSignal is the
// context of whatever waits.

/**
 * @typedef {object} Clock
 * @property {() => number} now milliseconds since 1970
 * @property {(f: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 */

/** Why something ended that took longer than it may. */
export class TimeoutError extends Error {
  constructor() {
    super("it took too long");
    this.name = "TimeoutError";
  }
}

/**
 * Waits for ms milliseconds; rejects with the signal's reason when it is aborted
 * before. Leaves neither timer nor listener behind.
 *
 * @param {Clock} clock
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function sleep(clock, ms, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = clock.setTimeout(() => {
      signal.removeEventListener("abort", wake);
      resolve();
    }, ms);
    function wake() {
      clock.clearTimeout(timer);
      reject(signal.reason);
    }
    signal.addEventListener("abort", wake, { once: true });
  });
}

/**
 * Resolves when the signal is aborted.
 *
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function aborted(signal) {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * A context within another.
 *
 * @typedef {object} Child
 * @property {AbortSignal} signal aborted with the parent, by abort, or by the timeout
 * @property {(reason?: unknown) => void} abort
 * @property {() => void} release to be called in the end: forgets parent and timer
 */

/**
 * Makes a context that ends with its parent, and after ms milliseconds, if given,
 * with a TimeoutError.
 *
 * @param {Clock} clock
 * @param {AbortSignal} parent
 * @param {number} [ms]
 * @returns {Child}
 */
export function child(clock, parent, ms) {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  parent.addEventListener("abort", follow, { once: true });
  if (parent.aborted) follow();
  const timer = ms === undefined ? undefined : clock.setTimeout(() => controller.abort(new TimeoutError()), ms);
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release() {
      parent.removeEventListener("abort", follow);
      if (timer !== undefined) clock.clearTimeout(timer);
    },
  };
}

/**
 * Between three and five quarters of n, so that those who failed together do not
 * come back together.
 *
 * @param {number} n
 * @param {() => number} random from 0 up to 1
 * @returns {number}
 */
export function jitter(n, random) {
  return n * (0.75 + 0.5 * random());
}

/**
 * How long to pause after each failure in a row: base, then twice as long each
 * time up to limit, each with jitter.
 *
 * @param {number} base
 * @param {number} limit
 * @param {() => number} random
 * @returns {{fail: () => number, reset: () => void}}
 */
export function createBackoff(base, limit, random) {
  let next = base;
  return {
    fail() {
      const pause = next;
      next = Math.min(2 * next, limit);
      return jitter(pause, random);
    },
    reset() {
      next = base;
    },
  };
}
