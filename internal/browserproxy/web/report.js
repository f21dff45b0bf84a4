// The state of the proxy, as the page gets it: not at each change but at most
// twice a second, with the throughput of about the last second.

/** @typedef {import("./clock.js").Clock} Clock */
/** @typedef {import("./messages.js").State} State */

/** The least time between two reports, in ms. */
const interval = 500;

/** Throughput is measured over so long, in ms, and a report that comes late. */
const span = 1250;

/**
 * @typedef {object} Reporter
 * @property {Readonly<State>} state
 * @property {(changes: Partial<State>) => void} set
 * @property {(key: "clients" | "pairs" | "served", n: number) => void} add
 * @property {(up: number, down: number) => void} carried counts bytes
 * @property {() => void} finish reports at once and leaves no timer
 */

/**
 * @param {Clock} clock
 * @param {string[]} transports
 * @param {(state: State) => void} onState gets a copy
 * @returns {Reporter}
 */
export function createReporter(clock, transports, onState) {
  /** @type {State} */
  const state = {
    running: false,
    polling: false,
    full: false,
    clients: 0,
    pairs: 0,
    served: 0,
    bytesUp: 0,
    bytesDown: 0,
    rateUp: 0,
    rateDown: 0,
    lastPoll: null,
    nextPoll: null,
    nobody: false,
    transports,
    error: null,
  };
  /** @type {{at: number, up: number, down: number}[]} */
  let samples = [];
  /** @type {unknown} */
  let timer;
  let reported = -Infinity; // when

  function measure() {
    const now = clock.now();
    samples = samples.filter(({ at }) => at >= now - span && at < now);
    const first = samples[0];
    state.rateUp = first ? ((state.bytesUp - first.up) * 1000) / (now - first.at) : 0;
    state.rateDown = first ? ((state.bytesDown - first.down) * 1000) / (now - first.at) : 0;
    const last = samples[samples.length - 1];
    const moved = last?.up !== state.bytesUp || last.down !== state.bytesDown;
    samples.push({ at: now, up: state.bytesUp, down: state.bytesDown });
    return moved || state.rateUp > 0 || state.rateDown > 0;
  }

  function report() {
    timer = undefined;
    reported = clock.now();
    const again = measure();
    onState({ ...state });
    if (again) changed();
  }

  function changed() {
    if (timer !== undefined) return;
    const wait = reported + interval - clock.now();
    timer = clock.setTimeout(report, Math.min(Math.max(wait, 0), interval));
  }

  return {
    state,
    set(changes) {
      Object.assign(state, changes);
      changed();
    },
    add(key, n) {
      state[key] += n;
      changed();
    },
    carried(up, down) {
      state.bytesUp += up;
      state.bytesDown += down;
      changed();
    },
    finish() {
      if (timer !== undefined) clock.clearTimeout(timer);
      timer = undefined;
      samples = [];
      reported = clock.now();
      state.rateUp = state.rateDown = 0;
      onState({ ...state });
    },
  };
}
