// The engine: a proxy spoken to with the messages of messages.js. As the script
// of a dedicated module worker it binds itself; timers and held polls of a worker
// are not slowed down when the page is hidden. engine.js is the page's end of it.

import { parseCommand } from "./messages.js";
import { createProxy } from "./proxy.js";

/** @typedef {import("./messages.js").Report} Report */
/** @typedef {import("./proxy.js").Env} Env */

/**
 * Makes an engine, and reports that it is ready.
 *
 * @param {Env} env
 * @param {(report: Report) => void} post
 * @returns {(data: unknown) => Promise<void>} takes a message of the page; resolves when it is done
 */
export function bind(env, post) {
  /** @type {import("./proxy.js").Proxy | null} */
  let proxy = null;
  let last = Promise.resolve();
  /** @param {string} text */
  const log = (text) => post({ type: "log", text });

  /** @param {unknown} data */
  async function receive(data) {
    const command = parseCommand(data);
    switch (command.type) {
      case "start":
        await proxy?.stop();
        proxy = createProxy({ ...env, log }, command.options, (state) => post({ type: "state", state }));
        proxy.start();
        break;
      case "limits":
        proxy?.setLimits(command.limits);
        break;
      case "retry":
        proxy?.retry();
        break;
      case "stop":
        await proxy?.stop();
    }
  }

  post({ type: "ready" });
  return (data) => {
    last = last.then(() => receive(data)).catch((err) => post({ type: "fault", text: String(err) }));
    return last;
  };
}

/**
 * What the proxy needs, from the browser.
 *
 * @returns {Env}
 */
export function browserEnv() {
  return {
    fetch: (url, init) => fetch(url, init),
    WebSocket,
    now: () => Date.now(),
    setTimeout: (f, ms) => setTimeout(f, ms),
    clearTimeout: (timer) => clearTimeout(timer),
    random: () => Math.random(),
  };
}

const { DedicatedWorkerGlobalScope } = /** @type {any} */ (globalThis);

if (DedicatedWorkerGlobalScope && globalThis instanceof DedicatedWorkerGlobalScope) {
  const receive = bind(browserEnv(), (report) => postMessage(report));
  addEventListener("message", (event) => receive(event.data));
  addEventListener("online", () => receive({ type: "retry" }));
}
