import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { formatAddress, parseAddrPort } from "../web/address.js";
import { createSchedule, poll, PollError } from "../web/poll.js";
import { fakeClock, settle } from "./support/clock.js";
import { fakeFacilitator, matched, networkError, ok } from "./support/facilitator.js";
import { generator } from "./support/random.js";

const options = { facilitator: "http://facilitator.example/path/", transports: ["websocket", "wss"], allowPrivate: false };

/**
 * Polls once, answered with response.
 *
 * @param {any} response
 * @param {Partial<typeof options>} [changes]
 */
async function ask(response, changes) {
  const clock = fakeClock();
  const { signal } = new AbortController();
  const facilitator = fakeFacilitator(clock, (p) => (response instanceof Error ? p.fail(response) : p.answer(response)));
  try {
    return await poll({ fetch: facilitator.fetch, clock }, { ...options, ...changes }, { clients: [parseAddrPort("8.8.4.4:1")], unreachable: [] }, signal);
  } finally {
    assert.equal(clock.pending(), 0, "timers are left");
    assert.equal(getEventListeners(signal, "abort").length, 0, "listeners are left");
    assert.equal(facilitator.last().init.signal?.aborted, true, "what is left of the answer is not dropped");
  }
}

/**
 * A body that comes in pieces, for as long as it is read.
 *
 * @param {() => Uint8Array | null} next
 * @param {ResponseInit} [init]
 */
function streamed(next, init) {
  let read = 0;
  let cancelled = false;
  const body = new ReadableStream({
    pull(c) {
      const chunk = next();
      if (!chunk) return c.close();
      read += chunk.length;
      c.enqueue(chunk);
    },
    cancel() {
      cancelled = true;
    },
  }, { highWaterMark: 0 });
  return { response: new Response(body, init), read: () => read, cancelled: () => cancelled };
}

test("what is asked, and how", async () => {
  const clock = fakeClock();
  const facilitator = fakeFacilitator(clock, (p) => p.answer(ok("client=")));
  const clients = ["8.8.8.8:9000", "[2606:4700::1]:9000"].map(parseAddrPort);
  const unreachable = [parseAddrPort("1.1.1.1:9902")];
  const answer = await poll({ fetch: facilitator.fetch, clock }, options, { clients, unreachable }, new AbortController().signal);
  assert.deepEqual(answer, { match: null, checkBackIn: null });
  const { url, init } = facilitator.last();
  assert.equal(url.href, "http://facilitator.example/path/?r=1&client=8.8.8.8%3A9000&client=%5B2606%3A4700%3A%3A1%5D%3A9000" +
    "&transport=websocket&transport=wss&unreachable=1.1.1.1%3A9902&wait=60");
  const { signal, ...rest } = init;
  assert.ok(signal);
  assert.deepEqual(rest, { cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer", redirect: "manual" });
});

test("a match", async () => {
  const { match, checkBackIn } = await ask(matched("8.8.8.8:9000", "1.1.1.1:9902"));
  assert.equal(formatAddress(/** @type {any} */ (match).client), "8.8.8.8:9000");
  assert.equal(checkBackIn, 0);
});

test("answers that are none", async () => {
  /** @type {[any, string, RegExp][]} */
  const cases = [
    [networkError(), "unreachable", /cannot be reached/],
    [new Response("", { status: 500 }), "status", /answered 500/],
    [new Response(null, { status: 204 }), "status", /answered 204/],
    [new Response("r: no such revision\nmore", { status: 400 }), "refused", /400: r: no such revision$/],
    [new Response("\u0000é<script>", { status: 403 }), "refused", /403: \?\?<script>$/],
    [new Response(null, { status: 404 }), "refused", /404$/],
    [new Response("x".repeat(1000), { status: 429 }), "refused", /429: x{200}$/],
    [new Response(null, { status: 302, headers: { Location: "http://127.0.0.1/" } }), "redirect", /elsewhere/],
    [{ type: "opaqueredirect", status: 0, body: null }, "redirect", /elsewhere/],
    [{ type: "error", status: 0, body: null }, "status", /answered 0/],
    [ok(""), "garbage", /no client/],
    [ok("<html>client=</html>"), "garbage", /no client/],
    [ok("client=8.8.8.8:9000"), "garbage", /no relay/],
    [ok(`client=&x=${"x".repeat(8192)}`), "garbage", /longer/],
    [new Response(new Uint8Array([0xff, 0xfe, 0])), "garbage", /no client/],
  ];
  for (const [response, code, message] of cases) {
    await assert.rejects(ask(response), (err) => err instanceof PollError && err.code === code && message.test(err.message) &&
      !/8\.8\./.test(err.message), `${code} ${message}`);
  }
});

test("addresses and transports that are not followed", async () => {
  /** @type {[string, string][]} */
  const cases = [
    ["client=10.0.0.1:1&relay=1.1.1.1:1", "private"],
    ["client=8.8.8.8:1&relay=192.168.0.1:1", "private"],
    ["client=[::1]:1&relay=1.1.1.1:1", "private"],
    ["client=[::ffff:127.0.0.1]:1&relay=1.1.1.1:1", "private"],
    ["client=8.8.8.8:1&relay=relay.example:443", "private"], // a name without TLS may lead anywhere
    ["client=8.8.8.8:1&relay=printer.local:443&relay-transport=wss", "private"],
    ["client=8.8.8.8:1&relay=localhost:443&relay-transport=wss", "private"],
    ["client=8.8.8.8:1&client-transport=webrtc&relay=1.1.1.1:1", "transport"],
    ["client=8.8.8.8:1&relay=1.1.1.1:1&relay-transport=tcp", "transport"],
  ];
  for (const [body, code] of cases) {
    await assert.rejects(ask(ok(body)), (err) => err instanceof PollError && err.code === code, body);
  }
  for (const [body] of cases.slice(0, 7)) assert.ok((await ask(ok(body), { allowPrivate: true })).match, body);
  assert.ok((await ask(ok("client=8.8.8.8:1&relay=relay.example:443&relay-transport=wss"))).match);
  await assert.rejects(ask(ok("client=8.8.8.8:1&relay=1.1.1.1:1"), { transports: ["wss"] }), /not offer/);
});

test("a body without end is read no further than it may be", async () => {
  for (const size of [1, 1000, 100_000]) {
    const { response, read, cancelled } = streamed(() => new Uint8Array(size).fill(120));
    await assert.rejects(ask(response), /longer/);
    assert.ok(read() <= 8193 + size, `${read()} bytes`);
    await settle();
    assert.ok(cancelled());
  }
  const { response, read } = streamed(() => new Uint8Array(100).fill(120), { status: 400 });
  await assert.rejects(ask(response), /400: x{200}$/);
  assert.ok(read() <= 300);
});

test("a body in single bytes is read", async () => {
  const body = new TextEncoder().encode("client=8.8.8.8%3A9000&relay=1.1.1.1%3A1&check-back-in=7");
  let i = 0;
  const { response } = streamed(() => (i < body.length ? body.subarray(i, ++i) : null));
  assert.equal((await ask(response)).checkBackIn, 7);
});

test("silence, before the answer and within it, has an end", async () => {
  const silent = () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }));
  for (const response of [null, silent()]) {
    const clock = fakeClock();
    const parent = new AbortController();
    const facilitator = fakeFacilitator(clock, (p) => {
      if (!response) return;
      // A body ends with the request's signal, as a browser's does.
      const reader = /** @type {ReadableStream} */ (response.body).getReader();
      p.answer({ type: "basic", status: 200, body: { getReader: () => ({
        read: () => Promise.race([reader.read(), new Promise((_, reject) => {
          p.init.signal?.addEventListener("abort", () => reject(p.init.signal?.reason));
        })]),
        cancel: async () => {},
      }) } });
    });
    let err;
    poll({ fetch: facilitator.fetch, clock }, options, { clients: [], unreachable: [] }, parent.signal).catch((e) => (err = e));
    await clock.advance(89_999);
    assert.equal(err, undefined);
    await clock.advance(1);
    assert.equal(/** @type {any} */ (err).code, "timeout");
    assert.equal(clock.pending(), 0);
    assert.equal(getEventListeners(parent.signal, "abort").length, 0);
  }
});

test("the signal ends a poll with its reason", async () => {
  const clock = fakeClock();
  const parent = new AbortController();
  const facilitator = fakeFacilitator(clock);
  const asking = poll({ fetch: facilitator.fetch, clock }, options, { clients: [], unreachable: [] }, parent.signal);
  const reason = new Error("stop");
  parent.abort(reason);
  await assert.rejects(asking, reason);
  assert.equal(clock.pending(), 0);
});

test("the schedule does as the facilitator says, within bounds", () => {
  const clock = fakeClock(0);
  const random = () => 0.5; // no jitter
  const at = (/** @type {number | null} */ checkBackIn, interval = null) => {
    const schedule = createSchedule(clock, random, 0, interval);
    schedule.asked();
    schedule.succeeded({ match: null, checkBackIn });
    return schedule.due() / 1000;
  };
  assert.equal(at(null), 60);
  assert.equal(at(0), 1);
  assert.equal(at(30), 30);
  assert.equal(at(86_400), 3600);
  assert.equal(at(30, /** @type {any} */ (5)), 5);
  assert.equal(createSchedule(clock, random, 7, null).due(), 7000);
});

test("failed polls are repeated ever later, and never given up", () => {
  const clock = fakeClock(0);
  const schedule = createSchedule(clock, generator(1), 0, null);
  const pauses = Array.from({ length: 1000 }, () => {
    schedule.failed(new PollError("unreachable", ""));
    return schedule.due() / 1000;
  });
  for (const [i, want] of [5, 10, 20, 40, 80, 160, 320, 600, 600].entries()) {
    const pause = pauses[i] ?? 0;
    assert.ok(pause >= 0.75 * want && pause <= 1.25 * want, `pause ${i} is ${pause} s`);
  }
  assert.ok(Math.max(...pauses) <= 750);
  assert.ok(new Set(pauses).size > 900, "no jitter");
  schedule.succeeded({ match: null, checkBackIn: 1 });
  schedule.failed(new PollError("unreachable", ""));
  assert.ok(schedule.due() <= 6250, "a success does not make the pause short again");
  schedule.failed(new PollError("refused", ""));
  assert.ok(schedule.due() >= 450_000, "a refusal is repeated soon");
  schedule.hurry();
  assert.equal(schedule.due(), 0);
  schedule.asked();
  assert.equal(schedule.due(), 1000, "less than a second between polls");
  schedule.succeeded({ match: null, checkBackIn: 30 });
  const due = schedule.due();
  schedule.hurry();
  assert.equal(schedule.due(), due, "what the facilitator said is not cut short");
});
