// The relays that could not be opened, until a poll has told the facilitator. The
// twin of unreachable.go in internal/proxy.

import { formatAddress } from "./address.js";
import { maxUnreachable } from "./form.js";

/** @typedef {import("./address.js").Address} Address */

/**
 * @typedef {object} Unreachable
 * @property {(relays: Address[]) => void} add adds relays, each once; those beyond what a poll can
 *   report are dropped
 * @property {() => Address[]} take gives what there is, and keeps nothing: what fails while a
 *   poll waits is news
 */

/** @returns {Unreachable} */
export function createUnreachable() {
  /** @type {Map<string, Address>} */
  let relays = new Map();
  return {
    add(more) {
      for (const relay of more) {
        if (relays.size < maxUnreachable) relays.set(formatAddress(relay), relay);
      }
    },
    take() {
      const taken = [...relays.values()];
      relays = new Map();
      return taken;
    },
  };
}
