// A client's leg and a relay's, and the bytes between them: the only copy loop.
// The twin of internal/relaypipe.

import { maxMessage } from "./leg.js";

/** @typedef {import("./clock.js").Clock} Clock */
/** @typedef {import("./leg.js").Leg} Leg */
/** @typedef {import("./ratelimit.js").Flow} Flow */
/** @typedef {import("./ratelimit.js").Limiter} Limiter */

/**
 * A pair that carries nothing ends after so long, or up to twice that, in ms. A pair may
 * wait for its turn at the client, which keeps it for a quarter of an hour; Tor then
 * says something every five minutes.
 */
export const idleTimeout = 30 * 60 * 1000;

/**
 * Carries bytes both ways until the pair ends, and resolves with why, in English,
 * without an address. It owns both legs: in the end both are closed.
 *
 * When one leg's peer closes cleanly, all that came from it is still written to the
 * other leg, which is then closed. Everything else, and the signal, ends both legs at
 * once, and what was read but not written is dropped.
 *
 * @param {{clock: Clock, limiter: Limiter}} env
 * @param {Leg} client
 * @param {Leg} relay
 * @param {AbortSignal} signal
 * @param {(up: number, down: number) => void} carried is told of each write, in bytes
 * @returns {Promise<string>}
 */
export async function runPair({ clock, limiter }, client, relay, signal, carried) {
  const life = new AbortController();
  let why = "";
  /** @param {string} reason */
  const cut = (reason) => {
    why ||= reason;
    life.abort();
    client.abort();
    relay.abort();
  };
  const stop = () => cut("stopped");
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const idle = watchIdle(clock, () => cut("no data for too long"));

  const up = pump(client, relay, limiter.flow(), life.signal, (n) => {
    idle.touch();
    carried(n, 0);
  });
  const down = pump(relay, client, limiter.flow(), life.signal, (n) => {
    idle.touch();
    carried(0, n);
  });
  try {
    const survivor = await lastOf(client, relay, up, down);
    why ||= survivor === relay ? "the client closed it" : survivor === client ? "the relay closed it" : "both closed it";
    await survivor?.close();
  } catch (err) {
    why ||= err instanceof Error ? err.message : String(err);
  }
  idle.stop();
  signal.removeEventListener("abort", stop);
  cut(why);
  await Promise.allSettled([up, down]);
  return why;
}

/**
 * Waits for the end of a pair. A direction whose destination is gone says nothing:
 * what the destination sent before may still be under way in the other direction.
 *
 * @param {Leg} client
 * @param {Leg} relay
 * @param {Promise<boolean>} up
 * @param {Promise<boolean>} down
 * @returns {Promise<Leg | null>} the leg that has got all and is to be closed; null when both are gone
 */
function lastOf(client, relay, up, down) {
  const ends = [
    up.then(async (whole) => (whole ? relay : (await down) ? client : null)),
    down.then(async (whole) => (whole ? client : (await up) ? relay : null)),
    client.failed,
    relay.failed,
  ];
  for (const end of ends) end.catch(() => {}); // all but the first
  return Promise.race(ends);
}

/**
 * Copies from to to. No more is read before what was read is written.
 *
 * @param {Leg} from
 * @param {Leg} to
 * @param {Flow} flow
 * @param {AbortSignal} signal
 * @param {(n: number) => void} wrote
 * @returns {Promise<boolean>} true: from is at its end, and all of it is written; false: to takes
 *   no more. Rejects when from breaks or the signal is aborted
 */
async function pump(from, to, flow, signal, wrote) {
  for (;;) {
    const bytes = await from.read();
    if (!bytes) return true;
    for (let at = 0; at < bytes.byteLength; ) {
      const part = bytes.subarray(at, at + Math.min(flow.quantum(), maxMessage));
      await flow.take(part.byteLength, signal);
      try {
        await to.write(part);
      } catch {
        return false;
      }
      at += part.byteLength;
      wrote(part.byteLength);
    }
  }
}

/**
 * Calls expired when touch was not called for idleTimeout. There is one timer at a
 * time, which is not set anew for each touch.
 *
 * @param {Clock} clock
 * @param {() => void} expired
 * @returns {{touch: () => void, stop: () => void}}
 */
function watchIdle(clock, expired) {
  let touched = false;
  /** @type {unknown} */
  let timer;
  function arm() {
    touched = false;
    timer = clock.setTimeout(() => (touched ? arm() : expired()), idleTimeout);
  }
  arm();
  return {
    touch() {
      touched = true;
    },
    stop: () => clock.clearTimeout(timer),
  };
}
