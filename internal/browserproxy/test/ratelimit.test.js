import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { createLimiter } from "../web/ratelimit.js";
import { fakeClock } from "./support/clock.js";

const { signal } = new AbortController();

/**
 * Takes messages of n bytes as fast as it may.
 *
 * @param {import("../web/ratelimit.js").Limiter} limiter
 * @param {number} n
 * @param {AbortSignal} until
 */
function flood(limiter, n, until) {
  const flow = limiter.flow();
  const total = { bytes: 0, done: Promise.resolve() };
  total.done = (async () => {
    while (!until.aborted) {
      for (let at = 0; at < n; ) {
        const part = Math.min(n - at, flow.quantum());
        await flow.take(part, until);
        await null; // as a write is
        total.bytes += part;
        at += part;
      }
    }
  })().catch(() => {});
  return total;
}

for (const rate of [10 << 10, 100_000, 1_500_000, 3_000_000]) {
  for (const sizes of [[512], [32 << 10], [512, 32 << 10], [512, 514, 4096, 16 << 10, 32 << 10, 32 << 10]]) {
    test(`${rate} bytes a second with messages of ${sizes}: within 2 % and fair`, async () => {
      const clock = fakeClock();
      const limiter = createLimiter(clock, rate);
      const until = new AbortController();
      const flows = sizes.map((n) => flood(limiter, n, until.signal));
      await clock.advance(10_000);
      const all = flows.reduce((n, f) => n + f.bytes, 0);
      assert.ok(Math.abs(all / (10 * rate) - 1) < 0.02, `${all} bytes in 10 s`);
      for (const [i, f] of flows.entries()) {
        const share = (f.bytes * flows.length) / all;
        assert.ok(share > 0.9 && share < 1.1, `messages of ${sizes[i]} got ${share.toFixed(3)} of their share`);
      }
      until.abort();
      await Promise.all(flows.map((f) => f.done));
      assert.equal(clock.pending(), 0);
      assert.equal(getEventListeners(until.signal, "abort").length, 0);
    });
  }
}

test("timers that come once a second, as in a hidden page, do not lower the rate", async () => {
  const clock = fakeClock();
  const late = { ...clock, setTimeout: (/** @type {() => void} */ f, /** @type {number} */ ms) => clock.setTimeout(f, Math.max(ms, 1000)) };
  const limiter = createLimiter(late, 1_000_000);
  const until = new AbortController();
  const flows = [512, 32 << 10].map((n) => flood(limiter, n, until.signal));
  await clock.advance(60_000);
  const all = flows.reduce((n, f) => n + f.bytes, 0);
  assert.ok(Math.abs(all / 60_000_000 - 1) < 0.02, `${all} bytes in 60 s`);
  until.abort();
});

test("what was not used is not saved up", async () => {
  const clock = fakeClock();
  const limiter = createLimiter(clock, 100_000);
  await clock.advance(3_600_000);
  const until = new AbortController();
  const flow = flood(limiter, 1000, until.signal);
  await clock.advance(1);
  assert.ok(flow.bytes <= 12_000, `a burst of ${flow.bytes} bytes`);
  await clock.advance(999);
  assert.ok(flow.bytes <= 112_000, `${flow.bytes} bytes in the first second`);
  until.abort();
});

test("who was away does not make up for it", async () => {
  const clock = fakeClock();
  const limiter = createLimiter(clock, 100_000);
  const until = new AbortController();
  const late = limiter.flow();
  const first = flood(limiter, 4096, until.signal);
  await clock.advance(60_000);
  const before = first.bytes;
  let got = 0;
  (async () => {
    while (!until.signal.aborted) {
      await late.take(4096, until.signal);
      got += 4096;
    }
  })().catch(() => {});
  await clock.advance(10_000);
  const share = got / (got + first.bytes - before);
  assert.ok(share > 0.48 && share < 0.55, `${share}`);
  until.abort();
});

test("no limit: nobody waits; and it can be set and lifted at any time", async () => {
  const clock = fakeClock();
  const limiter = createLimiter(clock, null);
  const flow = limiter.flow();
  assert.equal(flow.take(32 << 10, signal), undefined);
  assert.equal(flow.quantum(), 32 << 10);
  assert.equal(clock.pending(), 0);

  limiter.setRate(10_240);
  let granted = 0;
  const count = () => granted++;
  flow.take(1024, signal)?.then(count);
  await clock.advance(99);
  assert.equal(granted, 0);
  await clock.advance(1);
  assert.equal(granted, 1);

  // What waits for more than a lower rate saves up still gets it.
  limiter.setRate(10_000_000);
  flow.take(32 << 10, signal)?.then(count);
  limiter.setRate(10_240);
  await clock.advance(3300);
  assert.equal(granted, 2);

  flow.take(1024, signal)?.then(count);
  const other = limiter.flow();
  other.take(1024, signal)?.then(count);
  limiter.setRate(null);
  await clock.advance(0);
  assert.equal(granted, 4);
  assert.equal(clock.pending(), 0);
});

test("a change of the rate holds from then on", async () => {
  const clock = fakeClock();
  const limiter = createLimiter(clock, 1_000_000);
  const until = new AbortController();
  const flow = flood(limiter, 512, until.signal);
  await clock.advance(10_000);
  let before = flow.bytes;
  for (const rate of [50_000, 200_000, 20_000]) {
    limiter.setRate(rate);
    await clock.advance(10_000);
    const n = flow.bytes - before;
    assert.ok(Math.abs(n / (10 * rate) - 1) < 0.03, `${n} bytes in 10 s at ${rate}`);
    before = flow.bytes;
  }
  until.abort();
});

test("who leaves makes room for the next", async () => {
  const clock = fakeClock();
  const limiter = createLimiter(clock, 10_240);
  const [a, b] = [limiter.flow(), limiter.flow()];
  const leaving = new AbortController();
  const left = assert.rejects(a.take(32 << 10, leaving.signal) ?? Promise.resolve(), /gone/);
  let granted = false;
  b.take(1024, signal)?.then(() => (granted = true));
  await clock.advance(50);
  leaving.abort(new Error("gone"));
  await left;
  await clock.advance(50);
  assert.equal(granted, true);
  await assert.rejects(b.take(1, leaving.signal) ?? Promise.resolve(), /gone/);
  assert.equal(clock.pending(), 0);
});

test("a clock that is set back, or far forward, stops nobody for long", async () => {
  const clock = fakeClock();
  const limiter = createLimiter(clock, 100_000);
  const until = new AbortController();
  const flow = flood(limiter, 1000, until.signal);
  await clock.advance(1000);
  const before = flow.bytes;
  clock.set(clock.now() - 86_400_000);
  await clock.advance(1000);
  assert.ok(flow.bytes - before > 90_000, `${flow.bytes - before} bytes after the clock was set back`);
  const middle = flow.bytes;
  clock.set(clock.now() + 86_400_000);
  await clock.advance(1000);
  assert.ok(flow.bytes - middle < 310_000, `${flow.bytes - middle} bytes after it was set forward`);
  until.abort();
});
