import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { aborted, child, createBackoff, jitter, sleep, TimeoutError } from "../web/clock.js";
import { fakeClock, settle } from "./support/clock.js";
import { generator } from "./support/random.js";

test("sleep ends in time, or with the signal, and leaves nothing", async () => {
  const clock = fakeClock();
  const controller = new AbortController();
  let done = false;
  const long = sleep(clock, 1000, controller.signal).then(() => (done = true));
  await clock.advance(999);
  assert.equal(done, false);
  await clock.advance(1);
  await long;
  const cut = sleep(clock, 1000, controller.signal);
  const reason = new Error("why");
  controller.abort(reason);
  await assert.rejects(cut, reason);
  await assert.rejects(sleep(clock, 1000, controller.signal), reason);
  assert.equal(clock.pending(), 0);
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
});

test("a child ends with its parent, by itself, and in time", async () => {
  const clock = fakeClock();
  const parent = new AbortController();
  const a = child(clock, parent.signal);
  const b = child(clock, parent.signal, 1000);
  const c = child(clock, parent.signal, 1000);
  a.abort("mine");
  assert.equal(a.signal.reason, "mine");
  assert.equal(parent.signal.aborted, false);
  c.release();
  await clock.advance(1000);
  assert.ok(b.signal.reason instanceof TimeoutError);
  assert.equal(c.signal.aborted, false);
  const d = child(clock, parent.signal, 1000);
  parent.abort("theirs");
  assert.equal(d.signal.reason, "theirs");
  assert.equal(c.signal.aborted, false, "it was released");
  assert.equal(child(clock, parent.signal).signal.reason, "theirs");
  for (const { release } of [a, b, d]) release();
  assert.equal(clock.pending(), 0);
});

test("aborted waits for a signal", async () => {
  const controller = new AbortController();
  let done = false;
  aborted(controller.signal).then(() => (done = true));
  await settle();
  assert.equal(done, false);
  controller.abort();
  await settle();
  assert.equal(done, true);
  await aborted(controller.signal);
});

test("pauses double up to the limit and start over", () => {
  const random = () => 0.5; // no jitter
  const pause = createBackoff(5, 600, random);
  assert.deepEqual(Array.from({ length: 10 }, () => pause.fail()), [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
  pause.reset();
  assert.equal(pause.fail(), 5);
});

test("jitter is between three and five quarters", () => {
  const random = generator(1);
  const all = Array.from({ length: 1000 }, () => jitter(100, random));
  assert.ok(Math.min(...all) >= 75 && Math.min(...all) < 77);
  assert.ok(Math.max(...all) <= 125 && Math.max(...all) > 123);
});
