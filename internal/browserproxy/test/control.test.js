import assert from "node:assert/strict";
import { test } from "node:test";
import { config } from "../web/config.js";
import { createControl } from "../web/control.js";
import { parseParams } from "../web/params.js";
import { createSettings } from "../web/settings.js";
import { fakeClock, settle } from "./support/clock.js";

const running = {
  running: true, polling: true, full: false, clients: 0, pairs: 0, served: 0, bytesUp: 0, bytesDown: 0, rateUp: 0, rateDown: 0,
  lastPoll: null, nextPoll: null, nobody: false, transports: ["websocket", "wss"], error: null,
};

/**
 * A page with an engine that does as it is told.
 *
 * @param {{search?: string, some?: Partial<typeof config>, here?: any, serves?: boolean, items?: Record<string, string>,
 *   others?: (message: any) => any}} [of] others answers what is said to the other tabs
 */
function rig({ search = "", some = {}, here = {}, serves = true, items = {}, others } = {}) {
  const clock = fakeClock();
  const w = {
    clock,
    sent: /** @type {any[]} */ ([]), // to the engine
    engines: 0,
    report: (/** @type {any} */ _) => {},
    changes: 0,
    log: /** @type {string[]} */ ([]),
    storage: /** @type {any} */ ({
      items,
      getItem: (/** @type {string} */ k) => items[k] ?? null,
      setItem: (/** @type {string} */ k, /** @type {string} */ v) => void (items[k] = v),
    }),
    said: /** @type {string[]} */ ([]), // to the other tabs
    hear: (/** @type {any} */ _) => {},
  };
  class Worker {
    /** @type {any} */
    onmessage = null;
    onerror = null;
    constructor() {
      w.engines++;
      w.report = (data) => this.onmessage?.({ data });
      queueMicrotask(() => w.report({ type: "ready" }));
    }
    /** @param {any} command */
    postMessage(command) {
      w.sent.push(command);
      if (command.type === "start") queueMicrotask(() => w.report({ type: "state", state: { ...running } }));
      if (command.type === "stop") queueMicrotask(() => w.report({ type: "state", state: { ...running, running: false } }));
    }
    terminate() {
      w.engines--;
    }
  }
  const channel = {
    onmessage: /** @type {any} */ (null),
    /** @param {any} message */
    postMessage(message) {
      w.said.push(message.kind);
      const answer = others?.(message);
      if (answer) setImmediate(() => channel.onmessage({ data: answer }));
    },
  };
  w.hear = (data) => channel.onmessage({ data });
  const settings = createSettings(() => w.storage);
  const control = createControl({
    config: { ...config, ...some },
    asked: parseParams(search, (some.trustedPages ?? []).includes("proxy")),
    here: {
      WebSocket: class {},
      RTCPeerConnection: class {},
      location: { protocol: "http:" },
      navigator: { userAgent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/130" },
      timeZone: () => "Europe/Berlin",
      ...here,
    },
    home: "http://site.example/fp/proxy/",
    storage: () => w.storage,
    settings,
    channel: others ? channel : null,
    serves,
    clock,
    random: () => 0.5,
    engine: { Worker: /** @type {any} */ (Worker) },
  }, () => w.changes++, (line) => w.log.push(line));
  return Object.assign(w, { control, settings, types: () => w.sent.map((c) => c.type) });
}

test("off until it is turned on, and off again", async () => {
  const w = rig();
  w.control.look();
  await settle();
  assert.deepEqual([w.engines, w.control.situation.on], [0, false]);
  w.control.choose(true);
  await settle();
  assert.deepEqual([w.types(), w.engines, w.control.situation.state?.running], [["start"], 1, true]);
  assert.equal(w.sent[0].options.facilitator, "http://site.example/fp/");
  assert.equal(w.storage.items["flashproxy-choice"], "on");
  w.control.choose(false);
  await settle();
  assert.deepEqual([w.types(), w.engines, w.control.situation.state], [["start", "stop"], 0, null]);
});

test("on, off and on before it has stopped", async () => {
  const w = rig();
  for (const on of [true, false, true, false, true]) w.control.choose(on);
  await settle();
  assert.deepEqual([w.engines, w.types().at(-1), w.control.situation.on], [1, "start", true]);
  w.report({ type: "state", state: running });
  assert.equal(w.control.situation.state?.running, true);
});

test("consent", async () => {
  for (const [of, on] of /** @type {[Parameters<typeof rig>[0], boolean][]} */ ([
    [{}, false],
    [{ search: "?cookierequired=1" }, false],
    [{ search: "?cookierequired=0" }, true],
    [{ some: { consent: "optout" } }, true],
    [{ some: { consent: "optout" }, search: "?cookierequired=1" }, false],
    [{ some: { consent: "optout" }, items: { "flashproxy-choice": "off" } }, false],
    [{ items: { "flashproxy-choice": "on" } }, true],
    [{ search: "?cookierequired=0", items: { "flashproxy-choice": "off" } }, false],
    [{ search: "?cookierequired=0&max_clients=x" }, false],
    [{ search: "?cookierequired=0&relay=8.8.8.8:1&client=8.8.8.8:2" }, false],
    [{ search: "?cookierequired=0&relay=8.8.8.8:1&client=8.8.8.8:2", some: { trustedPages: ["proxy"] } }, true],
    [{ search: "?cookierequired=0", here: { WebSocket: undefined } }, false],
    [{ search: "?cookierequired=0", here: { location: { protocol: "https:" } } }, false],
    [{ search: "?cookierequired=0", serves: false }, false],
    [{ search: "?cookierequired=0", some: { maxClients: 0 } }, false],
  ])) {
    const w = rig(of);
    w.control.look();
    await settle();
    assert.equal(w.engines, on ? 1 : 0, JSON.stringify(of));
  }
});

test("a config that makes no sense is a fault", async () => {
  const w = rig({ search: "?cookierequired=0", some: { facilitator: "ftp:x" } });
  w.control.look();
  await settle();
  assert.deepEqual([w.control.situation.fault, w.control.limits(), w.log.length], [true, null, 1]);
});

test("a connection that becomes metered, and is not any more", async () => {
  const navigator = { userAgent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/130", connection: { saveData: false } };
  const w = rig({ search: "?cookierequired=0", here: { navigator } });
  w.control.look();
  await settle();
  assert.equal(w.engines, 1);
  navigator.connection.saveData = true;
  w.control.look();
  await settle();
  assert.deepEqual([w.engines, w.control.situation.obstacle], [0, "metered"]);
  navigator.connection.saveData = false;
  w.control.look();
  await settle();
  assert.equal(w.engines, 1);
});

test("limits reach the engine when they change", async () => {
  const w = rig({ search: "?cookierequired=0&max_clients=4" });
  w.control.look();
  await settle();
  assert.deepEqual(w.sent[0].options.limits, { maxClients: 4, rateLimit: null });
  w.settings.setLimits({ rateLimit: 20_000 });
  w.control.look();
  w.control.look();
  await settle();
  assert.deepEqual(w.sent.slice(1), [{ type: "limits", limits: { maxClients: 4, rateLimit: 20_000 } }]);
  assert.deepEqual(w.control.limits(), { maxClients: 4, rateLimit: 20_000 });
});

test("one tab serves", async () => {
  let serving = true;
  const w = rig({ search: "?cookierequired=0", others: (m) => (m.kind === "ask" && serving ? { kind: "mine", id: 0.1 } : null) });
  w.control.look();
  await w.clock.advance(1000);
  assert.deepEqual([w.engines, w.control.situation.turn], [0, false]);
  serving = false;
  w.hear({ kind: "free", id: 0.1 });
  await w.clock.advance(1000);
  assert.deepEqual([w.engines, w.control.situation.turn], [1, true]);
  w.hear({ kind: "mine", id: 0.1 }); // of one that has the lower id
  await w.clock.advance(1000);
  assert.deepEqual([w.engines, w.control.situation.turn], [0, false]);
  w.control.choose(false);
  assert.deepEqual([w.control.situation.turn, w.clock.pending()], [null, 0]);
});

test("turned off in another tab", async () => {
  const w = rig({ items: { "flashproxy-choice": "on" }, others: () => null });
  w.control.look();
  await w.clock.advance(1000);
  assert.equal(w.engines, 1);
  w.storage.items["flashproxy-choice"] = "off";
  w.control.look(); // as the storage event does
  await settle();
  assert.deepEqual([w.engines, w.said.at(-1)], [0, "free"]);
});

test("the end of the page", async () => {
  const w = rig({ search: "?cookierequired=0", others: () => null });
  w.control.look();
  await w.clock.advance(1000);
  w.report({ type: "state", state: { ...running, served: 1, bytesUp: 1, clients: 1, pairs: 2 } });
  w.report({ type: "state", state: { ...running, served: 1, bytesUp: 5, clients: 1, pairs: 2 } });
  assert.equal(w.control.idle(), false);
  w.control.end();
  assert.deepEqual([w.engines, w.said.at(-1), w.clock.pending(), w.control.idle()], [0, "free", 0, true]);
  assert.equal(JSON.parse(w.storage.items["flashproxy-stats"]).all.up, 5);
  assert.equal(w.control.totals().today.served, 1);
});

test("a fault of the engine", async () => {
  const w = rig({ search: "?cookierequired=0" });
  w.control.look();
  await settle();
  w.report({ type: "log", text: "a line" });
  w.report({ type: "fault", text: "it broke" });
  assert.deepEqual([w.control.situation.fault, w.engines, w.log], [true, 0, ["a line", "it broke"]]);
  w.control.retry();
  w.control.look();
  await settle();
  assert.equal(w.engines, 0, "it is not tried again");
});
