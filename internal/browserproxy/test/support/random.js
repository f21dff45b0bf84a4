// Random numbers that come the same each time: a property that fails, fails again.

/**
 * mulberry32.
 *
 * @param {number} seed
 * @returns {() => number} from 0 up to 1
 */
export function generator(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A whole number from 0 up to n.
 *
 * @param {() => number} random
 * @param {number} n
 */
export function below(random, n) {
  return Math.floor(random() * n);
}

/**
 * @template T
 * @param {() => number} random
 * @param {T[]} choices
 * @returns {T}
 */
export function pick(random, choices) {
  return /** @type {T} */ (choices[below(random, choices.length)]);
}

/**
 * @param {() => number} random
 * @param {number} n
 */
export function bytes(random, n) {
  return Uint8Array.from({ length: n }, () => below(random, 256));
}

/**
 * Calls f with seeds 1 to runs, and says which seed it was that failed.
 *
 * @param {number} runs
 * @param {(random: () => number) => Promise<void> | void} f
 */
export async function forSeeds(runs, f) {
  for (let seed = 1; seed <= runs; seed++) {
    try {
      await f(generator(seed));
    } catch (err) {
      throw new Error(`with seed ${seed}`, { cause: err });
    }
  }
}
