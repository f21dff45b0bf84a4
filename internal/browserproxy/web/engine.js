// The page's end of the engine: runs worker.js in a worker, or, where the browser
// has no module workers or does not let this page have one, in the page itself. The
// messages are the same (messages.js).

import { parseReport } from "./messages.js";

/** @typedef {import("./messages.js").Command} Command */
/** @typedef {import("./messages.js").Report} Report */

/**
 * @typedef {object} Engine
 * @property {(command: Command) => void} send
 * @property {() => void} close ends it without a word, as when the page goes
 */

/**
 * @param {{Worker?: typeof Worker, load?: () => Promise<Pick<typeof import("./worker.js"), "bind" | "browserEnv">>}} env
 *   load gets the engine into the page; only tests have one of their own
 * @param {(report: Report) => void} onReport
 * @returns {Engine}
 */
export function openEngine({ Worker, load = () => import("./worker.js") }, onReport) {
  /** @type {Command[]} what was sent and perhaps not received */
  let sent = [];
  /** @type {(command: Command) => void} */
  let deliver = () => {};
  let close = () => {};
  let ready = false;
  let closed = false;

  /** @param {unknown} data */
  function receive(data) {
    if (closed) return;
    try {
      const report = parseReport(data);
      if (report.type === "ready") {
        ready = true;
        sent = [];
      }
      onReport(report);
    } catch (err) {
      onReport({ type: "fault", text: String(err) });
    }
  }

  function runHere() {
    close();
    deliver = () => {};
    load().then(({ bind, browserEnv }) => {
      if (closed) return;
      const commands = sent;
      const send = bind(browserEnv(), receive);
      deliver = send;
      close = () => void send({ type: "stop" });
      commands.forEach(deliver);
    }).catch((err) => receive({ type: "fault", text: String(err) }));
  }

  function runInWorker() {
    if (!Worker) return runHere();
    try {
      const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
      worker.onmessage = (event) => receive(event.data);
      // An old browser takes the module for a script, and a strict policy forbids it:
      // both say so with an error before the engine has said anything.
      worker.onerror = (event) => {
        if (ready) return receive({ type: "fault", text: event.message });
        event.preventDefault();
        runHere();
      };
      deliver = (command) => worker.postMessage(command);
      close = () => {
        worker.onmessage = worker.onerror = null;
        worker.terminate();
      };
    } catch {
      runHere();
    }
  }

  runInWorker();
  return {
    send(command) {
      if (closed) return;
      if (!ready) sent.push(command);
      deliver(command);
    },
    close() {
      closed = true;
      close();
    },
  };
}
