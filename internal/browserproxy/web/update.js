// A page that stays open for months still gets what is new: it looks now and then
// whether the site has another version of it, and is loaded again when nobody
// is being helped. It is loaded again only when the site answers, since a page that
// fails to load would never come back by itself.
//
// The facilitator names the version of all modules in each page. On another web
// host, a page that is changed is noticed, and a module alone is not.

/** How often to look, in milliseconds: a new version is everywhere within a day. */
const interval = 8 * 60 * 60 * 1000;

/** How soon again when the site did not answer. */
const pause = 10 * 60 * 1000;

/**
 * @param {object} of
 * @param {string} of.url of the page
 * @param {typeof fetch} of.fetch
 * @param {() => number} of.now milliseconds
 * @param {() => boolean} of.idle whether nobody would suffer now
 * @param {() => void} of.reload
 */
export function createUpdate({ url, fetch, now, idle, reload }) {
  /** @type {string | null} */
  let known = null;
  let due = Infinity;

  /**
   * @param {RequestCache} cache
   * @returns {Promise<string | null>} the page, null if it could not be had
   */
  async function get(cache) {
    try {
      const response = await fetch(url, { cache, credentials: "omit", redirect: "error" });
      return response.ok ? await response.text() : null;
    } catch {
      return null;
    }
  }

  return {
    /** To be called when the page was loaded: the browser still has what it was made of. */
    async start() {
      known = await get("force-cache");
      due = now() + interval;
    },
    /** To be called now and then; looks when it is time. */
    async tick() {
      if (now() < due || !idle()) return;
      due = now() + pause;
      const page = await get("no-cache");
      if (page === null) return;
      known ??= page;
      if (page === known) due = now() + interval;
      else if (idle()) reload();
    },
    /** Looks at the next tick. */
    hurry() {
      due = now();
    },
  };
}
