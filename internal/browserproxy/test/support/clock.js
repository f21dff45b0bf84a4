// A clock that stands still until it is told to go on.

/** @typedef {import("../../web/clock.js").Clock} Clock */

/** Lets everything run that waits for no timer of ours. */
export async function settle() {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * @param {number} [start]
 */
export function fakeClock(start = 1_700_000_000_000) {
  let now = start;
  let count = 0;
  /** @type {Map<number, {at: number, f: () => void}>} in order of creation */
  const timers = new Map();

  function next() {
    /** @type {[number, {at: number, f: () => void}] | undefined} */
    let best;
    for (const entry of timers) {
      if (!best || entry[1].at < best[1].at) best = entry;
    }
    return best;
  }

  return {
    now: () => now,
    /**
     * @param {() => void} f
     * @param {number} ms
     */
    setTimeout(f, ms) {
      // As browsers do: whole milliseconds, and what is too long fires at once.
      const whole = ms > 0x7fffffff ? 0 : Math.max(Math.floor(ms), 0);
      timers.set(++count, { at: now + whole, f });
      return count;
    },
    /** @param {number} timer */
    clearTimeout(timer) {
      timers.delete(timer);
    },
    /** How many timers are set. */
    pending: () => timers.size,
    /**
     * Goes on by ms milliseconds, timer by timer.
     *
     * @param {number} ms
     */
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (let first = next(); first && first[1].at <= end; first = next()) {
        timers.delete(first[0]);
        now = Math.max(now, first[1].at);
        first[1].f();
        await settle();
      }
      now = end;
    },
    /**
     * Sets the clock, as a user may: timers don't care.
     *
     * @param {number} ms
     */
    set(ms) {
      const shift = ms - now;
      now = ms;
      for (const t of timers.values()) t.at += shift;
    },
  };
}

/** @typedef {ReturnType<typeof fakeClock>} FakeClock */
