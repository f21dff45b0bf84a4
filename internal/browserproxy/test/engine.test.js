import assert from "node:assert/strict";
import { test } from "node:test";
import { openEngine } from "../web/engine.js";
import { bind, browserEnv } from "../web/worker.js";
import { fakeClock, settle } from "./support/clock.js";
import { fakeFacilitator, matched } from "./support/facilitator.js";
import { fakeNet } from "./support/net.js";
import { plain } from "./support/world.js";

/** @typedef {import("../web/messages.js").Report} Report */

function rig() {
  const clock = fakeClock();
  const facilitator = fakeFacilitator(clock, (p) => facilitator.polls.length === 1 && p.answer(matched("8.8.8.8:1", "1.1.1.1:1")));
  const net = fakeNet();
  const env = { ...clock, fetch: facilitator.fetch, WebSocket: net.WebSocket, random: () => 0.5 };
  /** @type {Report[]} */
  const reports = [];
  return {
    clock, facilitator, net, env, reports,
    state: () => reports.flatMap((r) => (r.type === "state" ? [r.state] : [])).pop(),
    faults: () => reports.filter((r) => r.type === "fault"),
  };
}

/** A Worker whose script is worker.js, run here. @param {ReturnType<typeof rig>} w */
function fakeWorker(w) {
  /** @type {any[]} */
  const workers = [];
  class Worker {
    /** @param {URL} url @param {object} options */
    constructor(url, options) {
      this.url = url;
      this.options = options;
      /** @type {((event: any) => void) | null} */
      this.onmessage = this.onerror = null;
      this.terminated = false;
      /** @type {unknown[]} */
      this.queue = [];
      /** @type {((data: unknown) => void) | null} */
      this.receive = null;
      workers.push(this);
    }
    load() {
      this.receive = bind(w.env, (report) => {
        if (!this.terminated) this.onmessage?.({ data: structuredClone(report) });
      });
      for (const data of this.queue) this.receive(data);
    }
    /** @param {unknown} data */
    postMessage(data) {
      const copy = structuredClone(data);
      if (this.receive) this.receive(copy);
      else this.queue.push(copy);
    }
    terminate() {
      this.terminated = true;
    }
  }
  return { Worker: /** @type {any} */ (Worker), workers };
}

test("the engine starts, takes limits, starts anew and stops", async () => {
  const w = rig();
  const receive = bind(w.env, (report) => w.reports.push(structuredClone(report)));
  assert.deepEqual(w.reports, [{ type: "ready" }]);
  for (const early of ["limits", "retry", "stop"]) await receive({ type: early, limits: plain.limits });
  await receive({ type: "start", options: { ...plain, debug: true } });
  await w.clock.advance(3000);
  assert.deepEqual([w.state()?.clients, w.state()?.polling], [1, true]);
  assert.ok(w.reports.some((r) => r.type === "log"));
  await receive({ type: "limits", limits: { maxClients: 1, rateLimit: null } });
  await w.clock.advance(1000);
  assert.deepEqual([w.state()?.full, w.facilitator.pending()], [true, 0]);
  // Anew: the first is gone before the second begins.
  receive({ type: "start", options: plain });
  await w.clock.advance(3000);
  assert.deepEqual([w.state()?.clients, w.net.open(), w.facilitator.pending()], [0, 0, 1]);
  await receive({ type: "stop" });
  assert.equal(w.state()?.running, false);
  assert.deepEqual([w.clock.pending(), w.facilitator.pending(), w.net.open()], [0, 0, 0]);
  assert.deepEqual(w.faults(), []);
});

test("a message that is none is reported and does no harm", async () => {
  const w = rig();
  const receive = bind(w.env, (report) => w.reports.push(report));
  await receive({ type: "start", options: plain });
  for (const data of [null, "x", { type: "x" }, { type: "start", options: {} }, { type: "limits", limits: 7 }]) await receive(data);
  assert.equal(w.faults().length, 5);
  await w.clock.advance(3000);
  assert.equal(w.state()?.running, true);
  await receive({ type: "stop" });
});

test("a worker is used where there is one", async () => {
  const w = rig();
  const { Worker, workers } = fakeWorker(w);
  const engine = openEngine({ Worker, load: () => assert.fail("it is loaded into the page") }, (r) => w.reports.push(r));
  engine.send({ type: "start", options: plain });
  assert.match(workers[0].url.href, /\/web\/worker\.js$/);
  assert.deepEqual(workers[0].options, { type: "module" });
  workers[0].load();
  await w.clock.advance(3000);
  assert.equal(w.state()?.clients, 1);
  engine.send({ type: "stop" });
  await settle();
  assert.equal(w.state()?.running, false);
  workers[0].onerror({ message: "oops" });
  workers[0].onmessage({ data: { type: "nonsense" } });
  assert.deepEqual(w.faults().map((f) => /** @type {any} */ (f).text), ["oops", "TypeError: not a report"]);
  engine.close();
  assert.equal(workers[0].terminated, true);
  const n = w.reports.length;
  engine.send({ type: "stop" });
  assert.equal(w.reports.length, n);
});

test("without module workers it runs in the page, and nothing that was sent is lost", async () => {
  const throws = class {
    constructor() {
      throw new Error("SecurityError");
    }
  };
  for (const how of ["none", "throws", "fails"]) {
    const w = rig();
    const { Worker, workers } = fakeWorker(w);
    const engine = openEngine({
      Worker: how === "none" ? undefined : how === "throws" ? /** @type {any} */ (throws) : Worker,
      load: async () => ({ bind, browserEnv: () => w.env }),
    }, (r) => w.reports.push(r));
    engine.send({ type: "start", options: plain });
    if (how === "fails") {
      engine.send({ type: "limits", limits: { maxClients: 1, rateLimit: null } });
      let prevented = false;
      workers[0].onerror({ message: "SyntaxError", preventDefault: () => (prevented = true) });
      assert.ok(prevented && workers[0].terminated);
    }
    await settle();
    await w.clock.advance(3000);
    assert.deepEqual([w.state()?.clients, w.state()?.full], [1, how === "fails"], how);
    engine.send({ type: "limits", limits: { maxClients: 1, rateLimit: null } });
    await w.clock.advance(1000);
    assert.equal(w.state()?.full, true, how);
    engine.close();
    await settle();
    assert.deepEqual([w.clock.pending(), w.facilitator.pending(), w.net.open()], [0, 0, 0], how);
    assert.deepEqual(w.faults(), []);
  }
});

test("an engine that cannot be loaded says so", async () => {
  /** @type {Report[]} */
  const reports = [];
  openEngine({ load: async () => assert.fail("404") }, (r) => reports.push(r)).send({ type: "stop" });
  await settle();
  assert.equal(reports[0]?.type, "fault");
});

test("closed before it was loaded, it never runs", async () => {
  const w = rig();
  const engine = openEngine({ load: async () => ({ bind, browserEnv: () => w.env }) }, (r) => w.reports.push(r));
  engine.send({ type: "start", options: plain });
  engine.close();
  await w.clock.advance(3000);
  assert.deepEqual([w.reports.length, w.facilitator.polls.length, w.clock.pending()], [0, 0, 0]);
});

test("what a browser has is called without a this", () => {
  /** @type {any} */ (globalThis).WebSocket ??= class {};
  const env = browserEnv();
  assert.ok(Math.abs(env.now() - Date.now()) < 1000);
  assert.ok(env.random() < 1);
  env.clearTimeout(env.setTimeout(() => assert.fail(), 1));
  assert.equal(typeof env.fetch, "function");
});
