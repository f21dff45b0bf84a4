import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { parseAddrPort, parseRelayAddr } from "../web/address.js";
import { child } from "../web/clock.js";
import { createQueue, flushTimeout, goodbyeTimeout, highWater, LegError, maxMessage, maxQueue, maxReceived } from "../web/leg.js";
import { openLeg } from "../web/websocket.js";
import { fakeClock, settle } from "./support/clock.js";
import { openOne } from "./support/legs.js";
import { fakeNet } from "./support/net.js";
import { below, bytes, forSeeds, generator } from "./support/random.js";

const address = parseAddrPort("8.8.8.8:9000");
const pattern = bytes(generator(7), 100_000);

/** @param {import("../web/leg.js").Leg} leg */
async function readAll(leg) {
  const chunks = [];
  for (let chunk = await leg.read(); chunk; chunk = await leg.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("URLs", async () => {
  const clock = fakeClock();
  const net = fakeNet();
  const { signal } = new AbortController();
  const env = { WebSocket: net.WebSocket, clock };
  await openLeg(env, "websocket", address, createQueue(), signal);
  await openLeg(env, "websocket", parseAddrPort("[2606:4700::1]:80"), createQueue(), signal);
  await openLeg(env, "wss", parseRelayAddr("relay.example:443"), createQueue(), signal);
  assert.deepEqual(net.peers.map((p) => p.url), ["ws://8.8.8.8:9000/", "ws://[2606:4700::1]:80/", "wss://relay.example:443/"]);
});

test("a connection that is refused", async () => {
  const net = fakeNet((peer) => peer.refuse());
  const { signal } = new AbortController();
  await assert.rejects(openLeg({ WebSocket: net.WebSocket, clock: fakeClock() }, "websocket", address, createQueue(), signal), LegError);
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("a constructor that throws, as for ws: on an https page", async () => {
  const Throws = class {
    constructor() {
      throw new Error("SecurityError, with an address");
    }
  };
  const env = { WebSocket: Throws, clock: fakeClock() };
  await assert.rejects(openLeg(env, "websocket", address, createQueue(), new AbortController().signal),
    (err) => err instanceof LegError && !/address/.test(err.message));
});

test("opening ends with the signal", async () => {
  const clock = fakeClock();
  const net = fakeNet(() => {});
  const env = { WebSocket: net.WebSocket, clock };
  const life = child(clock, new AbortController().signal, 30_000);
  const opening = openLeg(env, "websocket", address, createQueue(), life.signal);
  const refused = assert.rejects(opening, /too long/);
  await clock.advance(30_000);
  await refused;
  assert.equal(net.open(), 0);
  await assert.rejects(openLeg(env, "websocket", address, createQueue(), life.signal), /too long/);
  assert.equal(net.peers.length, 1, "it dialled with a signal that was aborted");
  assert.equal(getEventListeners(life.signal, "abort").length, 0);
});

test("bytes both ways, byte by byte and at once", async () => {
  const { leg, peer } = await openOne(fakeClock());
  peer.sendBytewise(pattern.subarray(0, 5000));
  peer.send(pattern.subarray(5000));
  peer.send(new Uint8Array(0));
  peer.close();
  assert.deepEqual(await readAll(leg), Buffer.from(pattern));
  assert.equal(await leg.read(), null);

  const { leg: other, peer: taker } = await openOne(fakeClock());
  for (let at = 0; at < pattern.length; at += 1000) await other.write(pattern.subarray(at, at + 1000));
  assert.deepEqual(taker.bytes(), pattern);
});

test("a read that waits", async () => {
  const { leg, peer } = await openOne(fakeClock());
  const reading = leg.read();
  await settle();
  peer.send(Uint8Array.of(1, 2, 3));
  assert.deepEqual([...(await reading ?? [])], [1, 2, 3]);
  const ending = leg.read();
  await settle();
  peer.close();
  assert.equal(await ending, null);
  await assert.rejects(leg.write(Uint8Array.of(1)), LegError);
});

test("a broken connection, a text and a message too large end it", async () => {
  const cases = [
    { spoil: (/** @type {import("./support/net.js").Peer} */ p) => p.cut(), code: null },
    { spoil: (/** @type {import("./support/net.js").Peer} */ p) => p.send("hello"), code: 4003 },
    { spoil: (/** @type {import("./support/net.js").Peer} */ p) => p.send(""), code: 4003 },
    { spoil: (/** @type {import("./support/net.js").Peer} */ p) => p.send(new Uint8Array(maxReceived + 1)), code: 4009 },
  ];
  for (const { spoil, code } of cases) {
    const { leg, peer } = await openOne(fakeClock());
    const reading = assert.rejects(leg.read(), LegError);
    await settle();
    spoil(peer);
    await reading;
    await assert.rejects(leg.failed, LegError);
    await assert.rejects(leg.read(), LegError);
    await assert.rejects(leg.write(Uint8Array.of(1)), LegError);
    assert.equal(peer.state, "closed");
    assert.equal(peer.code, code);
    leg.abort();
    await leg.close();
  }
  const { leg, peer } = await openOne(fakeClock());
  peer.send(new Uint8Array(maxReceived));
  let n = 0;
  while (n < maxReceived) n += (await leg.read())?.length ?? NaN;
  assert.equal(n, maxReceived);
});

test("a slow peer stops the writer", async () => {
  const clock = fakeClock();
  const { leg, peer } = await openOne(clock);
  peer.pause();
  let written = 0;
  const message = new Uint8Array(maxMessage).fill(1);
  const writing = (async () => {
    for (; written < 4 << 20; written += message.length) await leg.write(message);
  })();
  const most = highWater + maxMessage;
  await clock.advance(60_000);
  assert.ok(written > 0 && written <= most, `${written} bytes written`);
  assert.ok(peer.buffered <= most, `${peer.buffered} bytes in the browser`);
  // And goes on as the peer takes.
  for (let i = 0; i < 2000 && written < 4 << 20; i++) {
    peer.take(10_000);
    await clock.advance(10);
  }
  peer.resume();
  await clock.advance(1000);
  await writing;
  assert.equal(peer.taken, 4 << 20);
  assert.ok(peer.peak <= most, `${peer.peak} bytes in the browser`);
});

test("close sends all that was written, and waits for it", async () => {
  const clock = fakeClock();
  const { leg, peer } = await openOne(clock);
  peer.pause();
  await leg.write(pattern.subarray(0, maxMessage));
  await leg.write(pattern.subarray(maxMessage, 2 * maxMessage));
  let closed = false;
  const reading = leg.read();
  const closing = leg.close().then(() => (closed = true));
  assert.equal(await reading, null);
  for (let n = 0; n < 2 * maxQueue; n += maxReceived) peer.send(new Uint8Array(maxReceived)); // dropped
  assert.equal(await leg.read(), null);
  for (let i = 0; i < 16; i++) {
    await clock.advance(1000);
    assert.equal(closed, false);
    peer.take(4096);
  }
  await clock.advance(100);
  await closing;
  assert.deepEqual(peer.bytes(), pattern.subarray(0, 2 * maxMessage));
  assert.equal(peer.code, 1000);
  assert.equal(peer.state, "closed");
  assert.equal(clock.pending(), 0);
  leg.abort();
});

test("close gives up on a peer that takes nothing, or says no goodbye", async () => {
  for (const mute of [true, false]) {
    const timeout = mute ? goodbyeTimeout : flushTimeout;
    const clock = fakeClock();
    const { leg, peer } = await openOne(clock);
    if (mute) peer.answersClose = false;
    else peer.pause();
    await leg.write(pattern.subarray(0, maxMessage));
    let closed = false;
    const closing = leg.close().then(() => (closed = true));
    await clock.advance(timeout - 1);
    assert.equal(closed, false);
    await clock.advance(1);
    await closing;
    assert.equal(clock.pending(), 0);
    peer.send(pattern);
    await assert.rejects(leg.read(), LegError);
  }
});

test("abort ends whatever is under way", async () => {
  const clock = fakeClock();
  const { leg, peer } = await openOne(clock);
  peer.pause();
  const reading = assert.rejects(leg.read(), LegError);
  const writing = assert.rejects((async () => {
    for (;;) await leg.write(new Uint8Array(maxMessage));
  })(), LegError);
  await clock.advance(1000);
  leg.abort();
  leg.abort();
  await Promise.all([reading, writing, assert.rejects(leg.failed, LegError)]);
  assert.equal(clock.pending(), 0);

  // While it is being closed, too.
  const { leg: other, peer: slow } = await openOne(clock);
  slow.pause();
  await other.write(new Uint8Array(10));
  const closing = other.close();
  await clock.advance(10);
  other.abort();
  await closing;
  assert.equal(clock.pending(), 0);
});

test("any messages arrive whole and in order", () => forSeeds(40, async (random) => {
  const clock = fakeClock();
  const { leg, peer } = await openOne(clock);
  const data = bytes(random, below(random, 60_000));
  for (let at = 0; at < data.length; ) {
    const n = 1 + below(random, below(random, 2) ? 3000 : 10);
    peer.send(data.subarray(at, at + n));
    at += n;
    if (random() < 0.05) await settle();
  }
  peer.close();
  assert.deepEqual(await readAll(leg), Buffer.from(data));
}));

test("more than the queue may hold ends the leg, and frees it", async () => {
  const queue = createQueue();
  const { leg, peer } = await openOne(fakeClock(), queue);
  const message = new Uint8Array(maxMessage);
  for (let n = 0; n < maxQueue; n += maxMessage) peer.send(message);
  assert.equal(peer.state, "open");
  // What the reader has in hand still counts, until it comes back.
  await leg.read();
  peer.send(message);
  assert.equal(peer.state, "closed");
  assert.equal(peer.code, 4008);
  await assert.rejects(leg.read(), /more came/);
  assert.ok(queue.add(0), "what is gone is still counted");
});

test("a reader that keeps up never fills the queue", async () => {
  const { leg, peer } = await openOne(fakeClock());
  for (let n = 0; n < 4 * maxQueue; n += maxReceived) {
    peer.send(new Uint8Array(maxReceived));
    assert.equal((await leg.read())?.length, maxReceived);
  }
  assert.equal(peer.state, "open");
});

test("messages of one byte cost about a byte", async () => {
  const { leg, peer } = await openOne(fakeClock());
  for (let i = 0; i < 200_000; i++) peer.send(Uint8Array.of(i));
  let reads = 0;
  for (let n = 0; n < 200_000; reads++) n += (await leg.read())?.length ?? NaN;
  assert.ok(reads < 10, `${reads} chunks`);
});
