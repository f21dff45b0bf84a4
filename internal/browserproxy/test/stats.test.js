import assert from "node:assert/strict";
import { test } from "node:test";
import { createStats } from "../web/stats.js";
import { below, forSeeds } from "./support/random.js";

/** @param {Record<string, string>} [items] */
function memory(items = {}) {
  let writes = 0;
  return {
    items,
    writes: () => writes,
    getItem: (/** @type {string} */ key) => items[key] ?? null,
    setItem(/** @type {string} */ key, /** @type {string} */ value) {
      writes++;
      items[key] = value;
    },
  };
}

/**
 * @param {number} served
 * @param {number} bytesUp
 * @param {number} bytesDown
 * @returns {any}
 */
function state(served, bytesUp, bytesDown) {
  return { served, bytesUp, bytesDown };
}

const evening = new Date(2025, 0, 31, 23, 50).getTime();

test("today and in all, over midnight and over a restart", () => {
  const storage = memory();
  let now = evening;
  const stats = createStats(() => storage, () => now);
  stats.observe(state(1, 10, 20));
  stats.observe(state(1, 15, 25));
  assert.deepEqual(stats.read(), { today: { served: 1, up: 15, down: 25 }, all: { served: 1, up: 15, down: 25 } });
  now += 20 * 60_000;
  assert.deepEqual(stats.read(), { today: { served: 0, up: 0, down: 0 }, all: { served: 1, up: 15, down: 25 } });
  stats.observe(state(2, 100, 200));
  assert.deepEqual(stats.read(), { today: { served: 1, up: 85, down: 175 }, all: { served: 2, up: 100, down: 200 } });
  stats.observe(state(0, 0, 5)); // an engine that was started anew
  stats.save();
  const again = createStats(() => storage, () => now);
  assert.deepEqual(again.read(), { today: { served: 1, up: 85, down: 180 }, all: { served: 2, up: 100, down: 205 } });
  again.observe(state(0, 0, 0));
  again.save();
  assert.deepEqual(again.read(), stats.read());
});

test("tabs add to the same", () => {
  const storage = memory();
  const tabs = [1, 2, 3].map(() => createStats(() => storage, () => evening));
  for (const tab of tabs) tab.observe(state(1, 1, 1));
  for (const tab of tabs) assert.deepEqual(tab.read().all, { served: 3, up: 3, down: 3 });
});

test("it is written seldom, but not lost", () => {
  const storage = memory();
  let now = evening - 86_400_000;
  const stats = createStats(() => storage, () => now);
  for (let i = 1; i <= 120; i++) {
    stats.observe(state(1, i, i));
    now += 500;
  }
  assert.ok(storage.writes() <= 8, `${storage.writes()} writes in a minute`);
  assert.equal(stats.read().all.up, 120);
  stats.save();
  assert.equal(createStats(() => storage, () => now).read().all.up, 120);
  const before = storage.writes();
  stats.save();
  assert.equal(storage.writes(), before, "nothing new is written");
});

test("storage that is off, full or spoilt", () => {
  const off = () => {
    throw new Error("SecurityError");
  };
  const full = { getItem: () => null, setItem: off };
  for (const storage of [off, () => full]) {
    const stats = createStats(storage, () => evening);
    stats.observe(state(1, 1, 1));
    stats.observe(state(2, 3, 4));
    assert.deepEqual(stats.read().all, { served: 2, up: 3, down: 4 });
  }
  for (const text of ["", "x", "null", "1", "[]", "{}", '{"day":1}', '{"day":"2025-1-31","today":{"served":-1,"up":0,"down":0},"all":{}}',
    '{"day":"2025-1-31","today":{"served":"1","up":0,"down":0},"all":{"served":1,"up":0,"down":0}}']) {
    const storage = memory({ "flashproxy-stats": text });
    const stats = createStats(() => storage, () => evening);
    stats.observe(state(1, 2, 3));
    assert.deepEqual(stats.read().all, { served: 1, up: 2, down: 3 }, text);
  }
});

test("what was removed from storage is forgotten", () => {
  const storage = memory();
  const stats = createStats(() => storage, () => evening);
  stats.observe(state(1, 2, 3));
  delete storage.items["flashproxy-stats"];
  assert.deepEqual(stats.read().all, { served: 0, up: 0, down: 0 });
  stats.observe(state(2, 3, 4));
  assert.deepEqual(stats.read().all, { served: 1, up: 1, down: 1 });
});

test("whatever is observed adds up", () => forSeeds(50, (random) => {
  const storage = memory();
  let now = evening;
  let stats = createStats(() => storage, () => now);
  let engine = { served: 0, up: 0, down: 0 };
  const all = { served: 0, up: 0, down: 0 };
  for (let i = 0; i < 200; i++) {
    now += below(random, 2_000_000);
    if (random() < 0.02) engine = { served: 0, up: 0, down: 0 };
    const more = { served: below(random, 2), up: below(random, 1000), down: below(random, 1000) };
    for (const k of /** @type {const} */ (["served", "up", "down"])) {
      engine[k] += more[k];
      all[k] += more[k];
    }
    // An engine that was started anew is seen as such when it counts less than before.
    if (engine.up === more.up) stats.observe(state(0, 0, 0));
    stats.observe(state(engine.served, engine.up, engine.down));
    if (random() < 0.02) {
      stats.save();
      stats = createStats(() => storage, () => now);
      engine = { served: 0, up: 0, down: 0 };
    }
    assert.deepEqual(stats.read().all, all);
  }
}));
