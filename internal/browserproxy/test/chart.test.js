import assert from "node:assert/strict";
import { test } from "node:test";
import { createHistory, niceMax, shapes, span } from "../web/chart.js";
import { below, forSeeds } from "./support/random.js";

/** @param {number[]} column */
const sum = (column) => column.reduce((a, b) => a + b, 0);

/** @param {number[]} column */
const last = (column) => column[column.length - 1];

test("what went in each second", () => {
  const h = createHistory();
  h.add(10_000, 0, 1000); // where it begins does not count
  h.add(10_500, 100, 1000);
  h.add(11_000, 300, 1000);
  assert.deepEqual([last(h.at(11_000).up), last(h.at(11_000).down)], [300, 0]);
  assert.equal(last(h.at(10_900).up), 300, "a clock that goes back changes nothing");
  h.add(11_750, 300, 4000);
  h.add(12_250, 300, 5000);
  assert.deepEqual(h.at(13_000).down.slice(-3), [0, 3500, 500]);
  assert.equal(h.at(13_000).up.length, span);
});

test("after a pause it went within the last second", () => {
  const h = createHistory();
  h.add(10_000, 0, 0);
  h.add(100_500, 1000, 0);
  assert.deepEqual(h.at(101_000).up.slice(-3), [0, 500, 500]);
});

test("an engine that was started anew", () => {
  const h = createHistory();
  h.add(10_000, 5000, 5000);
  h.add(11_000, 10, 10);
  h.add(12_000, 30, 10);
  assert.equal(sum(h.at(13_000).up), 20);
  assert.equal(sum(h.at(13_000).down), 0);
});

test("it forgets what is older, and never has more columns", () => {
  const h = createHistory();
  h.add(10_000, 0, 0);
  h.add(11_000, 100, 0);
  assert.equal(sum(h.at(11_000 + (span - 1) * 1000).up), 100);
  assert.equal(sum(h.at(11_000 + span * 1000).up), 0);
  assert.equal(sum(h.at(1e15).up), 0);
  assert.equal(h.at(1e15).up.length, span);
});

test("nothing is lost or added", async () => {
  await forSeeds(100, async (random) => {
    const h = createHistory();
    let now = 1e12;
    let [up, down] = [0, 0];
    h.add(now, up, down);
    for (let i = 0; i < 50; i++) {
      now += below(random, 2000);
      up += below(random, 10_000);
      down += below(random, 10_000);
      h.add(now, up, down);
    }
    h.add(now + 1, up, down);
    const shown = h.at(now + 2000);
    assert.ok(Math.abs(sum(shown.up) - up) < 1e-6 && Math.abs(sum(shown.down) - down) < 1e-6);
    assert.ok([...shown.up, ...shown.down].every((n) => n >= 0));
  });
});

test("the height", () => {
  for (const [n, max] of /** @type {[number, number][]} */ ([
    [0, 1], [1, 1], [1.5, 2], [2, 2], [3, 5], [5, 5], [6, 10], [999, 1000], [1000, 1000], [1001, 2000], [4.9e6, 5e6], [1e12, 1e12],
  ])) assert.equal(niceMax(n), max, String(n));
});

test("the shapes", () => {
  const { max, up, down } = shapes({ up: [0, 0, 20_000], down: [0, 10_000, 30_000] }, 100, 50);
  assert.equal(max, 50_000);
  assert.equal(down, "M0 50L50 40L100 20L100 50L50 50L0 50Z");
  assert.equal(up, "M0 50L50 40L100 0L100 20L50 40L0 50Z");
  assert.equal(shapes({ up: [1], down: [1] }, 10, 10).max, 10_000, "what is next to nothing looks like it");
  assert.match(shapes({ up: [], down: [] }, 10, 10).up, /^M/);
});
