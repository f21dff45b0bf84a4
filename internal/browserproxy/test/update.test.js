import assert from "node:assert/strict";
import { test } from "node:test";
import { createUpdate } from "../web/update.js";

const hour = 3600 * 1000;

function rig() {
  const w = {
    page: /** @type {string | number | null} */ ("one"), // a number is a status, null no answer
    now: 0,
    idle: true,
    reloads: 0,
    asked: /** @type {string[]} */ ([]),
  };
  const update = createUpdate({
    url: "/proxy/?lang=de",
    fetch: async (url, init) => {
      w.asked.push(`${url} ${init?.cache}`);
      if (w.page === null) throw new TypeError("network");
      return typeof w.page === "number" ? new Response("gone", { status: w.page }) : new Response(w.page);
    },
    now: () => w.now,
    idle: () => w.idle,
    reload: () => w.reloads++,
  });
  return { w, update };
}

test("a new version is loaded within a day, once nobody is helped", async () => {
  const { w, update } = rig();
  await update.tick();
  assert.equal(w.asked.length, 0, "not before the page is there");
  await update.start();
  assert.equal(w.asked.join(), "/proxy/?lang=de force-cache");
  for (; w.now < 24 * hour; w.now += 1000) await update.tick();
  assert.equal(w.reloads, 0);
  assert.ok(w.asked.length <= 4, `${w.asked.length} requests a day`);
  assert.ok(w.asked.slice(1).every((a) => a.endsWith("no-cache")));
  w.page = "two";
  w.idle = false;
  for (const end = w.now + 24 * hour; w.now < end; w.now += 1000) await update.tick();
  assert.equal(w.reloads, 0);
  w.idle = true;
  await update.tick();
  assert.equal(w.reloads, 1);
});

test("a site that is away does not end the page", async () => {
  const { w, update } = rig();
  await update.start();
  for (const page of [null, 404, 503]) {
    w.page = page;
    const before = w.asked.length;
    for (const end = w.now + 24 * hour; w.now < end; w.now += 1000) await update.tick();
    assert.equal(w.reloads, 0);
    assert.ok(w.asked.length - before <= 24 * 6 + 1, `${w.asked.length - before} requests a day`);
  }
  w.page = "two";
  for (const end = w.now + hour; w.now < end; w.now += 1000) await update.tick();
  assert.ok(w.reloads > 0);
});

test("a page that was not kept is known from the first look", async () => {
  const { w, update } = rig();
  w.page = null;
  await update.start();
  w.page = "two";
  for (; w.now < 20 * hour; w.now += 1000) await update.tick();
  assert.equal(w.reloads, 0);
  w.page = "three";
  for (; w.now < 40 * hour; w.now += 1000) await update.tick();
  assert.ok(w.reloads > 0);
});

test("somebody comes while it looks", async () => {
  const { w, update } = rig();
  await update.start();
  w.page = "two";
  update.hurry();
  const looking = update.tick();
  w.idle = false;
  await looking;
  assert.equal(w.reloads, 0);
});
