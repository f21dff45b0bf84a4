import assert from "node:assert/strict";
import { test } from "node:test";
import { createProxy } from "../web/proxy.js";
import { matched, networkError, ok } from "./support/facilitator.js";
import { plain, world } from "./support/world.js";

/** @typedef {import("./support/net.js").Peer} Peer */
/** @typedef {import("./support/facilitator.js").Poll} Poll */

const client = "8.8.8.8:9000";
const relay = "1.1.1.1:9902";

/**
 * The client parameters of a poll.
 *
 * @param {Poll} poll
 */
function reported(poll) {
  return poll.url.searchParams.getAll("client");
}

/** Gives one client, then nobody. */
function once() {
  let given = false;
  return (/** @type {Poll} */ poll) => {
    if (!given) poll.answer(matched(client, relay));
    given = true;
  };
}

test("a client is served with two pairs, client first, then relay", async () => {
  const w = world({ onPoll: once(), onPeer() {} });
  w.proxy.start();
  const dialled = () => w.net.peers.map((p) => p.url.slice(5, 12)).join(" ");
  const steps = ["8.8.8.8", "8.8.8.8 1.1.1.1", "8.8.8.8 1.1.1.1 8.8.8.8", "8.8.8.8 1.1.1.1 8.8.8.8 1.1.1.1"];
  for (const want of steps) {
    await w.clock.advance(5000);
    assert.equal(dialled(), want);
    w.net.peers[w.net.peers.length - 1]?.accept();
  }
  await w.clock.advance(5000);
  assert.equal(dialled(), steps[3], "a third pair");
  const state = await w.state();
  assert.deepEqual([state.clients, state.pairs, state.served, state.polling, state.nobody], [1, 2, 1, true, false]);

  const [c1, r1, c2, r2] = /** @type {[Peer, Peer, Peer, Peer]} */ (w.net.peers);
  c1.send(Uint8Array.of(1, 2, 3));
  r2.send(Uint8Array.of(4, 5));
  const carrying = await w.state();
  assert.deepEqual([...r1.bytes(), ...c2.bytes()], [1, 2, 3, 4, 5]);
  assert.deepEqual([carrying.bytesUp, carrying.bytesDown], [3, 2]);

  c1.close();
  assert.deepEqual([(await w.state()).clients, (await w.state()).pairs, r1.state], [1, 1, "closed"]);
  r2.close();
  assert.deepEqual([(await w.state()).clients, (await w.state()).pairs, c2.state], [0, 0, "closed"]);
  await w.stop();
});

test("stop leaves nothing, whatever is under way; and it starts again", async () => {
  /** @type {[string, Parameters<typeof world>[0], number][]} */
  const cases = [
    ["before anything", {}, 0],
    ["the initial pause", { options: { initialPollInterval: 100 } }, 10_000],
    ["a held poll", {}, 10_000],
    ["a pause after an answer", { onPoll: (p) => p.answer(ok("client=&check-back-in=100")) }, 10_000],
    ["a pause after a failure", { onPoll: (p) => p.fail(networkError()) }, 30_000],
    ["dialling the client", { onPoll: once(), onPeer() {} }, 1000],
    ["dialling the relay", { onPoll: once(), onPeer: (p) => p.url.includes("8.8.8.8") && p.accept() }, 1000],
    ["carrying", { onPoll: once() }, 10_000],
    ["full", { onPoll: (p) => p.answer(matched(client, relay)), options: { limits: { maxClients: 2, rateLimit: null } } }, 20_000],
    ["carrying slowly", { onPoll: once(), options: { limits: { maxClients: 2, rateLimit: 10_240 } } }, 10_000],
    ["a given pair", { options: { given: { client, relay } } }, 10_000],
    ["a given pair that is refused", { options: { given: { client, relay } }, onPeer: (p) => p.refuse() }, 10_000],
  ];
  for (const [name, how, ms] of cases) {
    const w = world(how);
    for (let i = 0; i < 2; i++) {
      w.proxy.start();
      w.proxy.start(); // once is enough
      await w.clock.advance(ms);
      for (const peer of w.net.peers) {
        peer.pause();
        for (let n = 0; n < 50; n++) peer.send(new Uint8Array(10_000));
      }
      await w.clock.advance(100);
      await assert.doesNotReject(w.stop(), name);
      await w.proxy.stop();
    }
    const polls = w.facilitator.polls.length;
    const peers = w.net.peers.length;
    await w.clock.advance(3_600_000);
    assert.deepEqual([w.facilitator.polls.length, w.net.peers.length], [polls, peers], name);
  }
});

test("a client or relay that cannot be dialled is not tried twice", async () => {
  /** @type {[(peer: Peer) => void, number, number][]} what it does to a dial, how many dials, how long */
  const cases = [
    [(p) => p.refuse(), 1, 10],
    [() => {}, 1, 30_000],
    [(p) => (p.url.includes("8.8.8.8") ? p.accept() : p.refuse()), 2, 10],
    [(p) => p.url.includes("8.8.8.8") && p.accept(), 2, 30_000],
  ];
  for (const [onPeer, dials, ms] of cases) {
    const w = world({ onPoll: once(), onPeer, options: { debug: true } });
    w.proxy.start();
    await w.clock.advance(2000);
    assert.deepEqual(reported(w.facilitator.last()), ms > 10 ? [client] : []);
    await w.clock.advance(ms - 2000);
    assert.equal(w.net.open(), 0);
    await w.clock.advance(60_000);
    assert.equal(w.net.peers.length, dials);
    const state = await w.state();
    assert.deepEqual([state.clients, state.pairs, state.served], [0, 0, 0]);
    assert.match(w.lines.join("\n"), /no connection: dial the (client|relay)/);
    await w.stop();
  }
});

test("when the second pair cannot be opened the first goes on", async () => {
  const w = world({ onPoll: once(), onPeer: (p) => (w.net.peers.length < 3 ? p.accept() : p.refuse()) });
  w.proxy.start();
  const state = await w.state();
  assert.deepEqual([state.clients, state.pairs, state.served, w.net.peers.length], [1, 1, 1, 3]);
  await w.stop();
});

test("several clients at once, up to the limit, and each is reported", async () => {
  let n = 0;
  const w = world({
    onPoll: (p) => p.answer(matched(`8.8.8.8:${++n}`, relay)),
    options: { limits: { maxClients: 3, rateLimit: null } },
  });
  w.proxy.start();
  await w.clock.advance(60_000);
  assert.equal(n, 3, "polls while there is no room");
  assert.deepEqual(w.facilitator.polls.map(reported), [[], ["8.8.8.8:1"], ["8.8.8.8:1", "8.8.8.8:2"]]);
  const state = await w.state();
  assert.deepEqual([state.full, state.polling, state.clients, state.pairs, state.served, state.nextPoll], [true, false, 3, 6, 3, null]);

  for (const peer of w.net.to(":2/")) peer.close();
  await w.clock.advance(2000);
  assert.deepEqual(reported(w.facilitator.last()), ["8.8.8.8:1", "8.8.8.8:3"]);
  assert.equal((await w.state()).served, 4);
  await w.stop();
});

test("the same client twice is reported twice", async () => {
  const w = world({ onPoll: (p) => w.facilitator.polls.length <= 2 && p.answer(matched(client, relay)) });
  w.proxy.start();
  await w.clock.advance(10_000);
  assert.deepEqual(reported(w.facilitator.last()), [client, client]);
  await w.stop();
});

test("limits change while it runs", async () => {
  let n = 0;
  const w = world({ onPoll: (p) => n < 2 && p.answer(matched(`8.8.8.8:${++n}`, relay)) });
  w.proxy.start();
  await w.clock.advance(10_000);
  assert.equal(w.facilitator.pending(), 1);
  // Lower: the poll that is held is withdrawn, which is no failure; who is served stays.
  w.proxy.setLimits({ maxClients: 2, rateLimit: null });
  let state = await w.state();
  assert.deepEqual([w.facilitator.pending(), state.full, state.error, state.clients], [0, true, null, 2]);
  w.proxy.setLimits({ maxClients: 1, rateLimit: 50_000 });
  for (const peer of w.net.to(":1/")) peer.close();
  state = await w.state();
  assert.deepEqual([w.facilitator.pending(), state.full, state.clients], [0, true, 1]);
  // Higher: it polls again at once.
  w.proxy.setLimits({ maxClients: 3, rateLimit: 50_000 });
  state = await w.state();
  assert.deepEqual([w.facilitator.pending(), state.full, state.polling], [1, false, true]);
  // And the rate holds.
  const before = state.bytesUp;
  for (const peer of w.net.to(":2/")) {
    for (let i = 0; i < 100; i++) peer.send(new Uint8Array(16_384));
  }
  await w.clock.advance(10_000);
  state = await w.state();
  const rate = (state.bytesUp - before) / 10.5;
  assert.ok(Math.abs(rate / 50_000 - 1) < 0.03, `${rate} bytes a second`);
  assert.ok(Math.abs(state.rateUp / 50_000 - 1) < 0.1, `it says ${state.rateUp} bytes a second`);
  await w.stop();
});

test("a facilitator that wants the next poll at once gets one a second", async () => {
  const w = world({ onPoll: (p) => p.answer(ok("client=&check-back-in=0")) });
  w.proxy.start();
  await w.clock.advance(60_000);
  const n = w.facilitator.polls.length;
  assert.ok(n >= 59 && n <= 61, `${n} polls in a minute`);
  assert.equal((await w.state()).nobody, true);
  await w.stop();
});

test("polls come as the facilitator says, or as was set", async () => {
  for (const [pollInterval, seconds] of /** @type {[number | null, number][]} */ ([[null, 30], [7, 7]])) {
    const w = world({ onPoll: (p) => p.answer(ok("client=&check-back-in=30")), options: { pollInterval } });
    w.proxy.start();
    const state = await w.state();
    assert.equal(state.nextPoll, w.clock.now() - 500 + seconds * 1000);
    assert.equal(state.lastPoll, w.clock.now() - 500);
    await w.clock.advance(600_000);
    assert.ok(Math.abs(w.facilitator.polls.length - 600 / seconds) <= 2);
    await w.stop();
  }
  const late = world({ options: { initialPollInterval: 20 } });
  late.proxy.start();
  await late.clock.advance(19_999);
  assert.equal(late.facilitator.polls.length, 0);
  await late.clock.advance(1);
  assert.equal(late.facilitator.polls.length, 1);
  await late.stop();
});

test("it never gives up, and does not press", async () => {
  const failures = [
    () => networkError(),
    () => new Response("", { status: 503 }),
    () => new Response("<html>", { status: 200 }),
    () => new Response(null, { status: 301, headers: { Location: "http://127.0.0.1/" } }),
    () => ok("client=127.0.0.1:1&relay=1.1.1.1:1"),
  ];
  let works = false;
  const w = world({
    onPoll(p) {
      const failure = failures[w.facilitator.polls.length % failures.length]?.();
      if (works) p.answer(matched(client, relay));
      else if (failure instanceof Error) p.fail(failure);
      else p.answer(failure);
    },
  });
  w.proxy.start();
  const first = await w.state();
  assert.notEqual(first.error, null);
  await w.clock.advance(24 * 3600 * 1000);
  const n = w.facilitator.polls.length;
  assert.ok(n > 100 && n < 160, `${n} polls in a day without an answer`);
  assert.equal(w.net.peers.length, 0, "it dialled what it must not");
  works = true;
  await w.clock.advance(800_000);
  const state = await w.state();
  assert.deepEqual([state.error, state.served > 0], [null, true]);
  await w.stop();
});

test("each failure has its code in the state", async () => {
  /** @type {[string, (p: Poll) => void, number][]} */
  const cases = [
    ["unreachable", (p) => p.fail(networkError()), 0],
    ["timeout", () => {}, 90_000],
    ["refused", (p) => p.answer(new Response("no", { status: 400 })), 0],
    ["status", (p) => p.answer(new Response("no", { status: 502 })), 0],
    ["garbage", (p) => p.answer(ok("no")), 0],
    ["private", (p) => p.answer(ok("client=192.168.1.1:1&relay=1.1.1.1:1")), 0],
    ["transport", (p) => p.answer(ok("client=8.8.8.8:1&client-transport=x&relay=1.1.1.1:1")), 0],
  ];
  for (const [code, onPoll, ms] of cases) {
    const w = world({ onPoll });
    w.proxy.start();
    await w.clock.advance(ms);
    const { error, running, nextPoll } = await w.state();
    assert.equal(error?.code, code);
    assert.ok(running && nextPoll !== null && nextPoll > w.clock.now());
    await w.stop();
  }
});

test("a fetch that throws, as for a URL that it does not take, is a failure like any other", async () => {
  const w = world({ options: { facilitator: "http://facilitator.example/" } });
  let n = 0;
  const env = { ...w.clock, random: () => 0.5, WebSocket: null, fetch: () => {
    n++;
    throw new Error("insane");
  } };
  const proxy = createProxy(env, plain, () => {});
  proxy.start();
  await w.clock.advance(60_000);
  assert.ok(n >= 3 && n <= 5, `${n} polls`);
  await proxy.stop();
  assert.equal(w.clock.pending(), 0);
});

test("retry cuts the pause after a failure, and nothing else", async () => {
  let works = false;
  const w = world({ onPoll: (p) => (works ? p.answer(ok("client=&check-back-in=100")) : p.fail(networkError())) });
  w.proxy.retry(); // it does not run
  w.proxy.start();
  await w.clock.advance(500_000);
  const n = w.facilitator.polls.length;
  works = true;
  w.proxy.retry();
  w.proxy.retry();
  await w.clock.advance(100);
  assert.equal(w.facilitator.polls.length, n + 1);
  w.proxy.retry();
  await w.clock.advance(10_000);
  assert.equal(w.facilitator.polls.length, n + 1);
  works = false;
  await w.clock.advance(100_000);
  for (let i = 0; i < 100; i++) {
    w.proxy.retry();
    await w.clock.advance(100);
  }
  assert.ok(w.facilitator.polls.length <= n + 1 + 13, "more than a poll a second");
  await w.stop();
  w.proxy.retry();
  assert.equal(w.clock.pending(), 0);
});

test("a clock that is set back or forward by years does not stop it", async () => {
  const w = world({ onPoll: (p) => p.answer(ok("client=&check-back-in=10")) });
  w.proxy.start();
  await w.clock.advance(60_000);
  for (const years of [-10, 20]) {
    w.clock.set(w.clock.now() + years * 365 * 86_400_000);
    const n = w.facilitator.polls.length;
    await w.clock.advance(3 * 3600 * 1000);
    assert.ok(w.facilitator.polls.length > n + 100, `${w.facilitator.polls.length - n} polls in 3 h`);
  }
  await w.stop();
});

test("the state comes at most twice a second, and the rate goes back to nothing", async () => {
  const w = world({ onPoll: once() });
  w.proxy.start();
  await w.clock.advance(1000);
  const [c] = /** @type {[Peer]} */ (w.net.peers);
  for (let i = 0; i < 1000; i++) {
    c.send(new Uint8Array(1000));
    await w.clock.advance(10);
  }
  const { rateUp, bytesUp } = await w.state();
  assert.equal(bytesUp, 1_000_000);
  assert.ok(rateUp > 40_000 && rateUp < 110_000, `${rateUp}`);
  const middle = w.states[w.states.length - 4]?.state.rateUp ?? 0;
  assert.ok(Math.abs(middle / 100_000 - 1) < 0.05, `${middle} bytes a second`);
  for (const [i, { at }] of w.states.slice(1).entries()) assert.ok(at - (w.states[i]?.at ?? 0) >= 500);
  await w.clock.advance(5000);
  const n = w.states.length;
  assert.equal(w.states[n - 1]?.state.rateUp, 0);
  await w.clock.advance(20_000);
  assert.equal(w.states.length, n, "it reports though nothing happens");
  await w.stop();
});

test("an engine on an http page offers both kinds of WebSockets", async () => {
  const w = world();
  w.proxy.start();
  await w.clock.advance(1000);
  assert.deepEqual(w.facilitator.last().url.searchParams.getAll("transport"), ["websocket", "wss"]);
  await w.stop();
});

test("an engine on an https page offers wss alone", async () => {
  const w = world({ options: { transports: ["wss"] }, onPoll: (p) => p.answer(matched(client, relay)) });
  w.proxy.start();
  const state = await w.state();
  assert.deepEqual(w.facilitator.last().url.searchParams.getAll("transport"), ["wss"]);
  assert.deepEqual([state.transports, state.error?.code, w.net.peers.length], [["wss"], "transport", 0]);
  await w.stop();
});

test("the log is silent, or without addresses, unless told otherwise", async () => {
  for (const [debug, unsafeLogging] of [[false, true], [true, false], [true, true]]) {
    const w = world({ onPoll: once(), options: { debug: debug ?? false, unsafeLogging: unsafeLogging ?? false } });
    w.proxy.start();
    await w.clock.advance(1000);
    for (const peer of w.net.peers) peer.close();
    await w.clock.advance(1000);
    assert.equal(w.lines.length > 3, debug);
    assert.equal(w.lines.some((l) => l.includes("8.8.8.8")), debug && unsafeLogging);
    assert.equal(w.lines.some((l) => l.includes("[scrubbed]")), debug && !unsafeLogging);
    await w.stop();
  }
});

test("options that make no sense are refused", () => {
  const env = /** @type {any} */ ({});
  for (const change of [{ facilitator: "ftp://x/" }, { transports: [] }, { limits: null }, { given: { client, relay: "x" } }]) {
    assert.throws(() => createProxy(env, { ...plain, .../** @type {any} */ (change) }, () => {}), TypeError);
  }
});
