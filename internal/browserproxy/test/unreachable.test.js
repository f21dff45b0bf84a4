import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddrPort } from "../web/address.js";
import { maxUnreachable } from "../web/form.js";
import { createUnreachable } from "../web/unreachable.js";
import { matched, networkError, ok } from "./support/facilitator.js";
import { world } from "./support/world.js";

/** @typedef {import("./support/net.js").Peer} Peer */

const client = "8.8.8.8:9000";
const relay = "1.1.1.1:9902";

/** @param {ReturnType<typeof world>} w */
const told = (w) => w.facilitator.polls.map((p) => p.url.searchParams.getAll("unreachable").join(" "));

/** Answers polls one after the other, and holds those after. @param {(() => any)[]} answers */
function answering(answers) {
  let n = 0;
  return (/** @type {import("./support/facilitator.js").Poll} */ poll) => {
    const answer = answers[n++]?.();
    if (answer instanceof Error) poll.fail(answer);
    else if (answer) poll.answer(answer);
  };
}

const match = () => matched(client, relay);
const nobody = () => ok("client=&check-back-in=1");
const onlyClients = (/** @type {Peer} */ p) => void (p.url.includes("8.8.8.8") ? p.accept() : p.refuse());

test("a relay that cannot be opened is reported in the next poll, and in no other", async () => {
  const w = world({ onPoll: answering([match, nobody, match]), onPeer: onlyClients });
  w.proxy.start();
  await w.clock.advance(30_000);
  assert.deepEqual(told(w), ["", relay, "", relay]);
  await w.stop();
});

test("it is reported again after a poll that failed, but not to one who calls it wrong", async () => {
  /** @type {[() => any, string][]} */
  const cases = [
    [() => new Response("", { status: 503 }), relay],
    [networkError, relay],
    [() => ok("garbage"), relay],
    [() => new Response("no", { status: 400 }), ""],
  ];
  for (const [fails, want] of cases) {
    const w = world({ onPoll: answering([match, fails, nobody]), onPeer: onlyClients });
    w.proxy.start();
    await w.clock.advance(14 * 60_000); // after a refusal there is a long pause
    assert.deepEqual(told(w).slice(0, 4), ["", relay, want, ""]);
    await w.stop();
  }
});

test("what is no fault of the relay's is not reported", async () => {
  /** @type {((p: Peer, n: number) => void)[]} */
  const cases = [
    (p) => p.refuse(),
    (p) => p.accept(),
    (p, n) => void (n < 4 ? p.accept() : p.refuse()), // the relay's second connection
  ];
  for (const onPeer of cases) {
    let n = 0;
    const w = world({ onPoll: answering([match, nobody]), onPeer: (p) => onPeer(p, ++n) });
    w.proxy.start();
    await w.clock.advance(180_000);
    assert.ok(told(w).length > 2);
    assert.deepEqual(told(w).filter(Boolean), []);
    await w.stop();
  }
});

test("who stops has nothing to say of the relay that was being dialled", async () => {
  const w = world({ onPoll: answering([match]), onPeer: (p) => p.url.includes("8.8.8.8") && p.accept() });
  w.proxy.start();
  await w.clock.advance(2000);
  assert.equal(w.net.peers.length, 2);
  await w.stop();
  w.proxy.start();
  await w.clock.advance(2000);
  assert.deepEqual(told(w).filter(Boolean), []);
  await w.stop();
});

test("a relay that is silent is reported when the dial has taken too long", async () => {
  const w = world({ onPoll: answering([match, nobody, nobody]), onPeer: (p) => p.url.includes("8.8.8.8") && p.accept() });
  w.proxy.start();
  await w.clock.advance(160_000);
  assert.equal(told(w).filter((t) => t === relay).length, 1);
  await w.stop();
});

test("each relay once, and no more than a poll can report", () => {
  const u = createUnreachable();
  u.add([relay, relay, "1.1.1.1:1"].map(parseAddrPort));
  assert.equal(u.take().length, 2);
  assert.equal(u.take().length, 0);
  for (let port = 1; port < 100; port++) u.add([parseAddrPort(`1.1.1.1:${port}`)]);
  assert.equal(u.take().length, maxUnreachable);
});
