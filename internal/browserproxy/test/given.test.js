import assert from "node:assert/strict";
import { test } from "node:test";
import { world } from "./support/world.js";

const client = "8.8.8.8:9000";
const relay = "1.1.1.1:9902";

test("a given pair is kept open without a facilitator", async () => {
  const w = world({ options: { given: { client, relay } } });
  w.proxy.start();
  let state = await w.state();
  assert.deepEqual([state.clients, state.pairs, state.served, state.error], [1, 2, 1, null]);
  assert.equal(w.facilitator.polls.length, 0);
  for (const peer of w.net.peers) peer.close();
  state = await w.state();
  assert.deepEqual([state.clients, state.pairs], [0, 0]);
  await w.clock.advance(1000);
  state = await w.state();
  assert.deepEqual([state.clients, state.pairs, state.served], [1, 2, 1]);
  await w.stop();
});

test("a given pair that cannot be opened is tried for ever, ever more seldom", async () => {
  let works = false;
  const w = world({ options: { given: { client, relay } }, onPeer: (p) => (works ? p.accept() : p.refuse()) });
  w.proxy.start();
  assert.equal((await w.state()).error?.code, "pair");
  await w.clock.advance(3_600_000);
  assert.ok(w.net.peers.length > 100 && w.net.peers.length < 150, `${w.net.peers.length} dials in an hour`);
  works = true;
  await w.clock.advance(80_000);
  const state = await w.state();
  assert.deepEqual([state.error, state.pairs], [null, 2]);
  await w.stop();
});

test("a given pair is not dialled into the visitor's own network", async () => {
  for (const given of [{ client: "192.168.0.1:1", relay }, { client, relay: "127.0.0.1:1" }]) {
    const w = world({ options: { given } });
    w.proxy.start();
    await w.clock.advance(60_000);
    assert.equal(w.net.peers.length, 0);
    assert.equal(w.states.find(({ state }) => state.error)?.state.error?.code, "private");
    await w.stop();
    const open = world({ options: { given, allowPrivate: true } });
    open.proxy.start();
    assert.equal((await open.state()).pairs, 2);
    await open.stop();
  }
});
