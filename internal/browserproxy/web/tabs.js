// One tab serves, if several are open: two would only share the same line, and
// the facilitator would count one volunteer twice.
//
// The tabs speak over a BroadcastChannel. Web Locks would be simpler, but browsers
// have them only on https pages, and that is where a proxy can do least.
//
//   ask    may I? A tab that serves says "mine"; one that asks, too, gives way to a lower id
//   mine   I serve
//   free   I don't any more

/**
 * @typedef {object} Channel
 * @property {(message: unknown) => void} postMessage
 * @property {((event: any) => void) | null} onmessage
 */

/** How long the others have to say "mine", in milliseconds. Hidden tabs do hear at once. */
const answerTime = 400;

/** How often one that waits asks again, for the case that the other could not say "free". */
const askAgain = 60_000;

/** The most that one waits after "free", so that not all ask together. */
const spread = 300;

/**
 * @param {Channel} channel
 * @param {import("./clock.js").Clock} clock
 * @param {() => number} random
 * @param {(mine: boolean) => void} changed hears of each change, and of the first answer
 */
export function createTurn(channel, clock, random, changed) {
  const id = random();
  /** @type {"out" | "asking" | "waiting" | "serving"} */
  let state = "out";
  /** @type {unknown} */
  let timer;

  /** @param {"ask" | "mine" | "free"} kind */
  const say = (kind) => channel.postMessage({ kind, id });

  /**
   * @param {() => void} f
   * @param {number} ms
   */
  function after(f, ms) {
    clock.clearTimeout(timer);
    timer = clock.setTimeout(f, ms);
  }

  function ask() {
    state = "asking";
    say("ask");
    after(serve, answerTime);
  }

  function serve() {
    state = "serving";
    say("mine");
    changed(true);
  }

  function wait() {
    const told = state === "waiting";
    state = "waiting";
    after(() => {
      state = "waiting";
      say("ask");
      after(serve, answerTime);
    }, askAgain);
    if (!told) changed(false);
  }

  channel.onmessage = ({ data }) => {
    const before = typeof data?.id === "number" && data.id < id;
    switch (data?.kind) {
      case "ask":
        if (state === "serving") say("mine");
        else if (state === "asking" && before) wait();
        return;
      case "mine":
        if (state === "serving" && !before) say("mine");
        else if (state !== "out") wait();
        return;
      case "free":
        if (state === "waiting") after(ask, spread * random());
    }
  };

  return {
    /** Asks to be the one; changed hears the answer. */
    take() {
      if (state === "out") ask();
    },
    /** Leaves it to another. */
    leave() {
      clock.clearTimeout(timer);
      const mine = state === "serving";
      state = "out";
      if (mine) say("free");
    },
  };
}
