// The chart of throughput: which bytes went when, and the shapes to draw them.
// Nothing here draws.

/** How far back the chart goes, in seconds. */
export const span = 120;

/** Totals come within so many milliseconds of a change. */
const lag = 1000;

/** The least that the chart is high, in bytes a second, so that a keep-alive is no mountain. */
const floor = 10_000;

/**
 * Bytes a second in the last span seconds, oldest first.
 *
 * @typedef {object} History
 * @property {number[]} up
 * @property {number[]} down
 */

/**
 * Makes of totals that come now and then what went in each second. The second
 * that has not ended is not shown.
 */
export function createHistory() {
  // One column more than is shown, for the second that has not ended.
  const columns = { up: zeros(span + 1), down: zeros(span + 1) };
  /** @type {{at: number, up: number, down: number} | null} */
  let last = null;
  let second = 0; // that of which the last column is

  /** @param {number} now */
  function advance(now) {
    const current = Math.floor(now / 1000);
    const ended = Math.max(0, Math.min(span + 1, current - second));
    for (const column of [columns.up, columns.down]) {
      column.splice(0, ended);
      column.push(...zeros(ended));
    }
    second = Math.max(second, current);
  }

  /**
   * Gives each second its share of what went from one time to another.
   *
   * @param {number[]} column
   * @param {number} from milliseconds
   * @param {number} to milliseconds
   * @param {number} bytes
   */
  function spread(column, from, to, bytes) {
    for (let t = from; t < to;) {
      const end = Math.min(to, (Math.floor(t / 1000) + 1) * 1000);
      const i = span - (second - Math.floor(t / 1000));
      if (i in column) column[i] = (column[i] ?? 0) + bytes * (end - t) / (to - from);
      t = end;
    }
  }

  return {
    /**
     * Notes the totals at a time. Totals that fall are those of a new engine.
     *
     * @param {number} now milliseconds
     * @param {number} up bytes
     * @param {number} down bytes
     */
    add(now, up, down) {
      advance(now);
      if (last && now >= last.at && up >= last.up && down >= last.down) {
        if (now === last.at) return;
        const from = Math.max(last.at, now - lag);
        spread(columns.up, from, now, up - last.up);
        spread(columns.down, from, now, down - last.down);
      }
      last = { at: now, up, down };
    },
    /**
     * @param {number} now milliseconds
     * @returns {History}
     */
    at(now) {
      advance(now);
      return { up: columns.up.slice(0, span), down: columns.down.slice(0, span) };
    },
  };
}

/**
 * @param {number} n
 * @returns {number[]}
 */
function zeros(n) {
  return new Array(n).fill(0);
}

/**
 * The least of 1, 2 and 5 times a power of ten that is not less than n.
 *
 * @param {number} n
 * @returns {number}
 */
export function niceMax(n) {
  const power = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
  for (const factor of [1, 2, 5, 10]) {
    if (factor * power >= n) return factor * power;
  }
  return 10 * power;
}

/**
 * The chart as two areas, one upon the other, as paths of SVG.
 *
 * @param {History} history
 * @param {number} width
 * @param {number} height
 * @returns {{max: number, up: string, down: string}} max is what height stands for, in bytes a second
 */
export function shapes(history, width, height) {
  const sums = history.up.map((n, i) => n + (history.down[i] ?? 0));
  const max = niceMax(Math.max(floor, ...sums));
  const zero = sums.map(() => 0);
  return {
    max,
    down: area(zero, history.down, max, width, height),
    up: area(history.down, sums, max, width, height),
  };
}

/**
 * @param {number[]} bottom
 * @param {number[]} top
 * @param {number} max
 * @param {number} width
 * @param {number} height
 */
function area(bottom, top, max, width, height) {
  /**
   * @param {number} n
   * @param {number} i
   */
  const point = (n, i) =>
    `${round(i / Math.max(1, top.length - 1) * width)} ${round(height - Math.min(n / max, 1) * height)}`;
  const there = top.map(point);
  const back = bottom.map(point).reverse();
  return `M${there.join("L")}L${back.join("L")}Z`;
}

/** @param {number} n */
function round(n) {
  return Math.round(n * 10) / 10;
}
