import assert from "node:assert/strict";
import { test } from "node:test";
import { createTurn } from "../web/tabs.js";
import { fakeClock } from "./support/clock.js";
import { below, forSeeds } from "./support/random.js";

/** How long a word takes to another tab, in ms: a browser may be busy. */
const latency = 50;

/** Tabs of one browser. @param {() => number} random */
function browser(random = Math.random) {
  const clock = fakeClock();
  /** @type {Set<any>} */
  const channels = new Set();
  /** @param {number} [id] */
  function open(id) {
    const tab = {
      mine: /** @type {boolean | null} */ (null),
      heard: 0,
      wins: 0,
      turn: /** @type {any} */ (null),
      sleep: () => channels.delete(channel),
      wake: () => channels.add(channel),
    };
    const channel = {
      onmessage: /** @type {any} */ (null),
      /** @param {unknown} data */
      postMessage(data) {
        if (!channels.has(channel)) return;
        for (const other of channels) {
          if (other !== channel) clock.setTimeout(() => channels.has(other) && other.onmessage({ data }), latency);
        }
      },
    };
    channels.add(channel);
    let first = true;
    tab.turn = createTurn(channel, clock, () => {
      const value = first && id !== undefined ? id : random();
      first = false;
      return value;
    }, (mine) => {
      tab.mine = mine;
      tab.heard++;
      if (mine) tab.wins++;
    });
    return tab;
  }
  return { clock, open };
}

/** @param {{mine: boolean | null}[]} tabs */
const serving = (tabs) => tabs.map((t, i) => (t.mine ? i : -1)).filter((i) => i >= 0);

test("one that is alone serves, soon", async () => {
  const { clock, open } = browser();
  const tab = open();
  tab.turn.take();
  assert.equal(tab.mine, null);
  await clock.advance(500);
  assert.equal(tab.mine, true);
  tab.turn.leave();
  tab.turn.take();
  tab.turn.leave(); // while it asks
  assert.equal(clock.pending(), 0);
});

test("the second waits, and takes over", async () => {
  const { clock, open } = browser();
  const [a, b, c] = [open(0.9), open(0.1), open(0.5)];
  a.turn.take();
  await clock.advance(1000);
  b.turn.take();
  c.turn.take();
  await clock.advance(1000);
  assert.deepEqual([a.mine, b.mine, c.mine], [true, false, false], "who serves goes on, whatever its id");
  a.turn.leave();
  await clock.advance(1500);
  assert.equal(serving([b, c]).length, 1);
});

test("all at once", async () => {
  await forSeeds(30, async (random) => {
    const { clock, open } = browser(random);
    const tabs = Array.from({ length: 2 + below(random, 20) }, () => open());
    for (const tab of tabs) {
      tab.turn.take();
      if (random() < 0.3) await clock.advance(below(random, 300));
    }
    await clock.advance(1500);
    assert.equal(serving(tabs).length, 1);
    assert.equal(tabs.reduce((n, t) => n + t.wins, 0), 1, "none served for a moment");
    for (let left = tabs; left.length > 1;) {
      const [i = 0] = serving(left);
      left[i]?.turn.leave();
      left = left.filter((_, j) => j !== i);
      await clock.advance(2000);
      assert.equal(serving(left).length, 1, `${left.length} left`);
    }
  });
});

test("one that crashed is replaced", async () => {
  const { clock, open } = browser();
  const [a, b] = [open(), open()];
  a.turn.take();
  await clock.advance(1000);
  b.turn.take();
  await clock.advance(1000);
  a.sleep(); // for good
  await clock.advance(59_000);
  assert.equal(b.mine, false);
  await clock.advance(2000);
  assert.equal(b.mine, true);
});

test("one that waits asks again and stays quiet about it", async () => {
  const { clock, open } = browser();
  const [a, b] = [open(), open()];
  a.turn.take();
  await clock.advance(1000);
  b.turn.take();
  await clock.advance(600_000);
  assert.deepEqual([a.mine, b.mine, a.heard, b.heard], [true, false, 1, 1]);
});

test("two that serve, as after one slept, agree on one", async () => {
  for (const ids of [[0.2, 0.8], [0.8, 0.2]]) {
    const { clock, open } = browser();
    const [a, b] = [open(ids[0]), open(ids[1])];
    a.turn.take();
    await clock.advance(1000);
    a.sleep();
    b.turn.take();
    await clock.advance(1000);
    assert.deepEqual([a.mine, b.mine], [true, true]);
    a.wake();
    const c = open(0.5);
    c.turn.take();
    await clock.advance(1000);
    assert.deepEqual([a.mine, b.mine, c.mine], [ids[0] === 0.2, ids[0] === 0.8, false]);
  }
});

test("rubbish on the channel", async () => {
  const clock = fakeClock();
  const channel = { onmessage: /** @type {any} */ (null), postMessage() {} };
  /** @type {boolean[]} */
  const heard = [];
  createTurn(channel, clock, () => 0.5, (mine) => heard.push(mine)).take();
  for (const data of [null, undefined, 5, "ask", {}, { kind: "x" }, { kind: "ask", id: "a" }, { kind: "free" }]) channel.onmessage({ data });
  await clock.advance(1000);
  assert.deepEqual(heard, [true]);
});
