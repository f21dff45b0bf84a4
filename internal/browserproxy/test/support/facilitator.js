// A facilitator for fetch: the test says what each poll gets.

/**
 * @typedef {object} Poll
 * @property {URL} url
 * @property {RequestInit} init
 * @property {number} at by the clock
 * @property {(response: any) => void} answer
 * @property {(err: unknown) => void} fail
 * @property {boolean} pending neither answered nor withdrawn
 */

/** @param {string} body */
export function ok(body) {
  return new Response(body, { headers: { "Content-Type": "application/x-www-form-urlencoded" } });
}

/**
 * A match as a facilitator writes it.
 *
 * @param {string} client
 * @param {string} relay
 * @param {string} [more]
 */
export function matched(client, relay, more = "") {
  return ok(`client=${encodeURIComponent(client)}&client-transport=websocket&relay=${encodeURIComponent(relay)}` +
    `&relay-transport=websocket&check-back-in=0${more}`);
}

/** What fetch rejects with, whatever is wrong: TypeError, with the URL in some browsers. */
export function networkError() {
  return new TypeError("Failed to fetch http://facilitator.example/?r=1&client=8.8.8.8%3A1");
}

/**
 * @param {{now: () => number}} clock
 * @param {(poll: Poll) => void} [onPoll]
 */
export function fakeFacilitator(clock, onPoll = () => {}) {
  /** @type {Poll[]} */
  const polls = [];
  /**
   * @param {any} url
   * @param {RequestInit} [init]
   * @returns {Promise<any>}
   */
  function fetch(url, init = {}) {
    return new Promise((resolve, reject) => {
      const signal = /** @type {AbortSignal} */ (init.signal);
      signal.throwIfAborted();
      const end = () => {
        poll.pending = false;
        signal.removeEventListener("abort", withdraw);
      };
      const withdraw = () => {
        end();
        reject(signal.reason);
      };
      /** @type {Poll} */
      const poll = {
        url: new URL(url),
        init,
        at: clock.now(),
        pending: true,
        answer(response) {
          end();
          resolve(response);
        },
        fail(err) {
          end();
          reject(err);
        },
      };
      signal.addEventListener("abort", withdraw);
      polls.push(poll);
      onPoll(poll);
    });
  }
  return {
    fetch,
    polls,
    pending: () => polls.filter((p) => p.pending).length,
    /** The latest poll. */
    last: () => /** @type {Poll} */ (polls[polls.length - 1]),
  };
}
