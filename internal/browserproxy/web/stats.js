// How many people were helped and how much was carried, today and in all, kept in
// the browser. Nothing about whom.

/** @typedef {import("./messages.js").State} State */

/**
 * @typedef {object} Totals
 * @property {number} served clients
 * @property {number} up bytes from clients to relays
 * @property {number} down bytes from relays to clients
 */

/**
 * @typedef {object} Stats
 * @property {(state: State) => void} observe counts what is new in a state
 * @property {() => {today: Totals, all: Totals}} read
 * @property {() => void} save to be called when the page goes
 */

/** @typedef {{day: string, today: Totals, all: Totals}} Stored */

const key = "flashproxy-stats";

/** What was counted is written at most so often, in ms, unless somebody was helped. */
const saveInterval = 10_000;

/**
 * @param {() => Pick<Storage, "getItem" | "setItem">} storage gives localStorage; may throw, then
 *   this page alone is counted
 * @param {() => number} now ms since 1970
 * @returns {Stats}
 */
export function createStats(storage, now) {
  /** @type {Totals} as the engine counted when it was last observed */
  let seen = none();
  /** @type {Totals} counted and not written yet */
  let fresh = none();
  let freshDay = day(now());
  let kept = empty(freshDay); // where there is no storage
  let saved = -Infinity;
  let written = true; // whether kept is in storage, as far as we know

  /** What is stored, with what is fresh. Other tabs write too, so it is read anew each time. */
  function current() {
    const stored = roll(load(), freshDay);
    return roll({ day: freshDay, today: sum(stored.today, fresh), all: sum(stored.all, fresh) }, day(now()));
  }

  /** @returns {Stored} */
  function load() {
    try {
      const text = storage().getItem(key);
      return text === null && written ? empty(freshDay) : parse(text) ?? kept; // what was removed is forgotten
    } catch {
      return kept;
    }
  }

  function save() {
    kept = current();
    fresh = none();
    freshDay = kept.day;
    saved = now();
    try {
      storage().setItem(key, JSON.stringify(kept));
      written = true;
    } catch {
      written = false; // it is off or full; what this page counted is still in kept
    }
  }

  return {
    observe(state) {
      if (day(now()) !== freshDay) save();
      const total = { served: state.served, up: state.bytesUp, down: state.bytesDown };
      const more = since(seen, total);
      seen = total;
      fresh = sum(fresh, more);
      const anything = more.served + more.up + more.down > 0;
      if (more.served > 0 || (anything && now() - saved >= saveInterval)) save();
    },
    read() {
      const { today, all } = current();
      return { today, all };
    },
    save() {
      if (fresh.served + fresh.up + fresh.down > 0) save();
    },
  };
}

/**
 * The day of the visitor's calendar.
 *
 * @param {number} ms
 */
function day(ms) {
  const d = new Date(ms);
  return `${d.getFullYear()}-${d.getMonth() + 1}-${d.getDate()}`;
}

/** @returns {Totals} */
function none() {
  return { served: 0, up: 0, down: 0 };
}

/**
 * @param {string} day
 * @returns {Stored}
 */
function empty(day) {
  return { day, today: none(), all: none() };
}

/**
 * @param {Stored} s
 * @param {string} day
 * @returns {Stored} the same seen from that day
 */
function roll(s, day) {
  return s.day === day ? s : { day, today: none(), all: s.all };
}

/**
 * @param {Totals} a
 * @param {Totals} b
 * @returns {Totals}
 */
function sum(a, b) {
  return { served: a.served + b.served, up: a.up + b.up, down: a.down + b.down };
}

/**
 * What was added since. An engine that was started anew counts from 0.
 *
 * @param {Totals} before
 * @param {Totals} after
 * @returns {Totals}
 */
function since(before, after) {
  const anew = after.served < before.served || after.up < before.up || after.down < before.down;
  if (anew) return after;
  return { served: after.served - before.served, up: after.up - before.up, down: after.down - before.down };
}

/**
 * @param {string | null} text
 * @returns {Stored | null} null when it is nothing that we wrote
 */
function parse(text) {
  if (!text) return null;
  const s = JSON.parse(text);
  return typeof s?.day === "string" && isTotals(s.today) && isTotals(s.all) ? s : null;
}

/** @param {any} t */
function isTotals(t) {
  return [t?.served, t?.up, t?.down].every((n) => typeof n === "number" && Number.isFinite(n) && n >= 0);
}
