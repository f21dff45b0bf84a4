// What the visitor chose, kept in the browser: whether to help, the limits, the
// language. No cookie; nothing of it is sent anywhere. Where there is no storage
// (a private window, a frame of a browser that keeps others out) it lasts as long
// as the page.

import { checkLimits } from "./options.js";

/** @typedef {import("./options.js").Limits} Limits */
/** @typedef {ReturnType<typeof createSettings>} Settings */

/** All keys in storage begin with this. */
const prefix = "flashproxy-";

/**
 * @param {() => Storage} storage gives localStorage; may throw
 */
export function createSettings(storage) {
  /** @type {Map<string, string>} */
  const kept = new Map();

  /** @param {string} name */
  function get(name) {
    try {
      return storage().getItem(prefix + name);
    } catch {
      return kept.get(name) ?? null;
    }
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  function set(name, value) {
    kept.set(name, value);
    try {
      storage().setItem(prefix + name, value);
    } catch {
      // It is in kept.
    }
  }

  return {
    /** @returns {"on" | "off" | null} */
    choice() {
      const value = get("choice");
      return value === "on" || value === "off" ? value : null;
    },
    /** @param {"on" | "off"} value */
    setChoice(value) {
      set("choice", value);
    },
    /** @returns {Partial<Limits>} */
    limits() {
      return readLimits(get("limits"));
    },
    /** @param {Partial<Limits>} some the others stay */
    setLimits(some) {
      set("limits", JSON.stringify({ ...readLimits(get("limits")), ...some }));
    },
    language() {
      return get("language");
    },
    /** @param {string} language */
    setLanguage(language) {
      set("language", language);
    },
    /** Removes all that is kept, the counts of stats.js too. */
    forget() {
      kept.clear();
      try {
        const all = storage();
        for (const key of Object.keys(all)) {
          if (key.startsWith(prefix)) all.removeItem(key);
        }
      } catch {
        // There is nothing.
      }
    },
  };
}

/**
 * @param {string | null} text
 * @returns {Partial<Limits>} what of it makes sense
 */
function readLimits(text) {
  /** @type {Partial<Limits>} */
  const limits = {};
  try {
    const { maxClients, rateLimit } = JSON.parse(text ?? "{}");
    if (isLimits(maxClients, null)) limits.maxClients = maxClients;
    if (isLimits(1, rateLimit)) limits.rateLimit = rateLimit;
  } catch {
    // Nothing that we wrote.
  }
  return limits;
}

/**
 * @param {unknown} maxClients
 * @param {unknown} rateLimit
 */
function isLimits(maxClients, rateLimit) {
  try {
    checkLimits({ maxClients, rateLimit });
    return true;
  } catch {
    return false;
  }
}
