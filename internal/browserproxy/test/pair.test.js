import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { createQueue, flushTimeout, highWater, maxMessage, maxQueue, maxReceived } from "../web/leg.js";
import { idleTimeout, runPair } from "../web/pair.js";
import { createLimiter } from "../web/ratelimit.js";
import { fakeClock, settle } from "./support/clock.js";
import { openOne } from "./support/legs.js";
import { below, bytes, forSeeds, generator, pick } from "./support/random.js";

const pattern = bytes(generator(3), 300_000);

/**
 * A pair that runs, and the peers at both its ends.
 *
 * @param {{rate?: number | null, clock?: ReturnType<typeof fakeClock>, limiter?: import("../web/ratelimit.js").Limiter}} [options]
 */
async function start(options = {}) {
  const clock = options.clock ?? fakeClock();
  const limiter = options.limiter ?? createLimiter(clock, options.rate ?? null);
  const queue = createQueue();
  const { leg: c, peer: client } = await openOne(clock, queue);
  const { leg: r, peer: relay } = await openOne(clock, queue);
  const controller = new AbortController();
  const pair = { clock, client, relay, controller, up: 0, down: 0, why: "" };
  runPair({ clock, limiter }, c, r, controller.signal, (up, down) => {
    pair.up += up;
    pair.down += down;
  }).then((why) => (pair.why = why));
  await settle();
  return pair;
}

/** @param {Awaited<ReturnType<typeof start>>} pair */
function assertGone({ clock, client, relay, controller }) {
  assert.equal(client.state, "closed");
  assert.equal(relay.state, "closed");
  assert.equal(clock.pending(), 0, "timers are left");
  assert.equal(getEventListeners(controller.signal, "abort").length, 0, "listeners are left");
}

test("bytes both ways, byte by byte too", async () => {
  const pair = await start();
  pair.client.sendBytewise(pattern.subarray(0, 3000));
  pair.relay.sendBytewise(pattern.subarray(3000, 5000));
  for (let at = 5000; at < pattern.length; at += 5000) pair.client.send(pattern.subarray(at, at + 5000));
  pair.relay.send(pattern.subarray(5000));
  await pair.clock.advance(1000);
  assert.deepEqual(pair.relay.bytes(), new Uint8Array(Buffer.concat([pattern.subarray(0, 3000), pattern.subarray(5000)])));
  assert.deepEqual(pair.client.bytes(), pattern.subarray(3000));
  assert.equal(pair.up, pattern.length - 2000);
  assert.equal(pair.down, pattern.length - 3000);
  for (const m of [...pair.relay.received, ...pair.client.received]) assert.ok(m.length <= maxMessage);
  pair.controller.abort();
  await settle();
  assert.equal(pair.why, "stopped");
  assertGone(pair);
});

test("all that came before a clean close arrives at a slow peer, then it is closed", async () => {
  for (const closer of /** @type {const} */ (["client", "relay"])) {
    const pair = await start();
    const [from, to] = closer === "client" ? [pair.client, pair.relay] : [pair.relay, pair.client];
    to.pause();
    to.send(Uint8Array.of(1)); // and something comes the other way
    for (let at = 0; at < pattern.length; at += 4000) from.send(pattern.subarray(at, at + 4000));
    from.close();
    for (let i = 0; i < 40; i++) {
      await pair.clock.advance(1000);
      assert.equal(pair.why, "");
      to.take(7000);
    }
    to.resume();
    await pair.clock.advance(1000);
    assert.deepEqual(to.bytes(), pattern);
    assert.equal(to.code, 1000);
    assert.equal(pair.why, `the ${closer} closed it`);
    assertGone(pair);
  }
});

test("all of it arrives with a limit too", async () => {
  const pair = await start({ rate: 20_000 });
  pair.client.send(pattern);
  pair.client.close();
  await pair.clock.advance(14_000);
  assert.equal(pair.why, "");
  await pair.clock.advance(2000);
  assert.deepEqual(pair.relay.bytes(), pattern);
  assert.equal(pair.why, "the client closed it");
  assertGone(pair);
});

test("a slow peer is not waited for without end", async () => {
  const pair = await start();
  pair.relay.pause();
  pair.client.send(pattern.subarray(0, 1000));
  pair.client.close();
  await pair.clock.advance(flushTimeout - 1);
  assert.equal(pair.why, "");
  await pair.clock.advance(1);
  assert.equal(pair.why, "the client closed it");
  assert.equal(pair.clock.pending(), 0);
});

test("a break ends both at once", async () => {
  for (const breaker of /** @type {const} */ (["client", "relay"])) {
    const pair = await start();
    pair.client.pause();
    pair.relay.pause();
    for (let i = 0; i < 10; i++) {
      pair.client.send(pattern.subarray(0, 100_000));
      pair.relay.send(pattern.subarray(0, 100_000));
    }
    await pair.clock.advance(1000);
    pair[breaker].cut();
    await settle();
    assert.equal(pair.why, "the connection broke");
    (breaker === "client" ? pair.relay : pair.client).resume();
    assertGone(pair);
  }
});

test("a text message ends both at once", async () => {
  const pair = await start();
  pair.relay.send("AAAA");
  await settle();
  assert.equal(pair.why, "a text message");
  assert.equal(pair.client.taken, 0);
  assertGone(pair);
});

test("the signal ends it whatever it waits for", async () => {
  for (const rate of [null, 10_240]) {
    const pair = await start({ rate });
    pair.client.pause();
    pair.relay.pause();
    for (let i = 0; i < 10; i++) {
      pair.client.send(pattern);
      pair.relay.send(pattern);
    }
    await pair.clock.advance(10_000);
    pair.controller.abort();
    await settle();
    assert.equal(pair.why, "stopped");
    assert.equal(pair.clock.pending(), 0);
    pair.client.resume();
    pair.relay.resume();
    assertGone(pair);
  }
  const pair = await start();
  pair.relay.pause();
  pair.client.send(pattern.subarray(0, 1000));
  pair.client.close();
  await pair.clock.advance(1000); // it is closing
  pair.controller.abort();
  await settle();
  assert.notEqual(pair.why, "");
  assert.equal(pair.clock.pending(), 0);
});

test("both close at once", async () => {
  const pair = await start();
  pair.client.pause();
  pair.relay.pause();
  pair.client.send(pattern);
  pair.relay.send(pattern);
  await settle();
  pair.client.close();
  pair.relay.close();
  await pair.clock.advance(1000);
  assert.notEqual(pair.why, "");
  assertGone(pair);
});

test("nothing for too long ends it, a byte now and then does not", async () => {
  const pair = await start();
  for (let i = 0; i < 10; i++) {
    await pair.clock.advance(idleTimeout - 1000);
    pair.client.send(Uint8Array.of(i));
  }
  await pair.clock.advance(idleTimeout - 1000);
  assert.equal(pair.why, "");
  await pair.clock.advance(idleTimeout + 2000);
  assert.equal(pair.why, "no data for too long");
  assertGone(pair);
});

test("any traffic arrives whole, whatever the speeds", () => forSeeds(12, async (random) => {
  const pair = await start({ rate: pick(random, [null, 200_000]) });
  const size = pick(random, [10, 20_000, 200_000]);
  const most = size === 10 ? 5000 : 10 * size; // more than highWater, too
  const ends = [pair.client, pair.relay].map((peer) => ({ peer, data: bytes(random, below(random, most)), at: 0 }));
  while (ends.some(({ data, at }) => at < data.length)) {
    for (const end of ends) {
      const n = 1 + below(random, size);
      for (let i = 0; i < (size === 10 ? 100 : 1) && end.at < end.data.length; i++) {
        end.peer.send(end.data.subarray(end.at, (end.at += n)));
      }
      const what = random();
      if (what < 0.2) end.peer.pause();
      else if (what < 0.5) end.peer.resume();
      else end.peer.take(below(random, 30_000));
    }
    await pair.clock.advance(below(random, 200));
  }
  for (const { peer } of ends) peer.resume();
  await pair.clock.advance(30_000); // what the limit held back
  const [client, relay] = ends;
  const last = pick(random, [pair.client, pair.relay]);
  last.close();
  await pair.clock.advance(5000);
  assert.deepEqual(pair.relay.bytes(), client?.data);
  assert.deepEqual(pair.client.bytes(), relay?.data);
  assert.equal(pair.up, client?.data.length);
  assert.equal(pair.down, relay?.data.length);
  assertGone(pair);
}));

test("a pair whose queue is over 8 MiB is closed, and not before", async () => {
  const pair = await start();
  pair.relay.pause();
  pair.client.pause();
  const message = new Uint8Array(16 << 10);
  let n = 0;
  for (; pair.why === "" && n < 64 << 20; n += 2 * message.length) {
    pair.client.send(message); // both ways: the bound is for the pair
    pair.relay.send(message);
    if (n % (1 << 20) === 0) await pair.clock.advance(10);
    else await settle();
  }
  assert.equal(pair.why, "more came than the other side takes");
  assert.ok(n > maxQueue && n <= maxQueue + 2 * (highWater + maxMessage) + 2 * message.length, `closed at ${n} bytes`);
  assert.equal(pair.client.code ?? pair.relay.code, 4008);
  assert.equal(pair.clock.pending(), 0);
});

test("a slow relay is no reason to close while the queue is below", async () => {
  const pair = await start();
  pair.relay.pause();
  for (let n = 0; n < 7 << 20; n += maxReceived) pair.client.send(new Uint8Array(maxReceived));
  await pair.clock.advance(60_000);
  assert.equal(pair.why, "");
  assert.ok(pair.relay.buffered <= highWater + maxMessage);
  pair.relay.resume();
  await pair.clock.advance(2000);
  assert.equal(pair.relay.taken, 7 << 20);
  pair.controller.abort();
  await settle();
});

test("one limit holds for all pairs and both ways together, and is shared fairly", async () => {
  const clock = fakeClock();
  const rate = 400_000;
  const limiter = createLimiter(clock, rate);
  const sizes = [512, 32 << 10, 514, 8192];
  const pairs = await Promise.all(sizes.map(() => start({ clock, limiter })));
  for (const [i, pair] of pairs.entries()) {
    const message = new Uint8Array(sizes[i] ?? 0);
    for (let n = 0; n < 2_000_000; n += message.length) {
      pair.client.send(message);
      pair.relay.send(message);
    }
  }
  await clock.advance(10_000);
  const all = pairs.reduce((n, p) => n + p.up + p.down, 0);
  assert.ok(Math.abs(all / (10 * rate) - 1) < 0.02, `${all} bytes in 10 s`);
  for (const [i, { up, down }] of pairs.entries()) {
    for (const n of [up, down]) assert.ok(Math.abs((n * 8) / all - 1) < 0.1, `messages of ${sizes[i]} got ${n} of ${all}`);
  }
  for (const { controller } of pairs) controller.abort();
  await settle();
  assert.equal(clock.pending(), 0);
});
