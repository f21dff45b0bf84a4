import assert from "node:assert/strict";
import { test } from "node:test";
import { createSettings } from "../web/settings.js";
import { createStats } from "../web/stats.js";

/** Storage as browsers have it. @returns {Storage} */
function memory() {
  /** @type {any} */
  const storage = Object.create({
    getItem: (/** @type {string} */ key) => (Object.hasOwn(storage, key) ? storage[key] : null),
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void (storage[key] = String(value)),
    removeItem: (/** @type {string} */ key) => void delete storage[key],
  });
  return storage;
}

const off = () => {
  throw new Error("SecurityError");
};

test("what was chosen is kept, and forgotten", () => {
  const storage = memory();
  storage.setItem("other", "of the same site");
  const settings = createSettings(() => storage);
  assert.deepEqual([settings.choice(), settings.limits(), settings.language()], [null, {}, null]);
  settings.setChoice("on");
  settings.setLimits({ maxClients: 3 });
  settings.setLimits({ rateLimit: 50_000 });
  settings.setLanguage("fa");
  const again = createSettings(() => storage);
  assert.deepEqual([again.choice(), again.limits(), again.language()], ["on", { maxClients: 3, rateLimit: 50_000 }, "fa"]);
  again.setLimits({ rateLimit: null });
  assert.deepEqual(settings.limits(), { maxClients: 3, rateLimit: null });
  again.forget();
  assert.deepEqual([settings.choice(), settings.limits(), settings.language()], [null, {}, null]);
  assert.deepEqual(Object.keys(storage), ["other"]);
});

test("without storage it lasts as long as the page", () => {
  const settings = createSettings(off);
  settings.setChoice("off");
  settings.setLimits({ maxClients: 1 });
  assert.deepEqual([settings.choice(), settings.limits()], ["off", { maxClients: 1 }]);
  settings.forget();
  assert.deepEqual([settings.choice(), settings.limits()], [null, {}]);
});

test("what is stored and makes no sense counts for nothing", () => {
  const storage = memory();
  const settings = createSettings(() => storage);
  for (const text of ["", "x", "null", "[]", "5", '{"maxClients":0}', '{"maxClients":"3"}', '{"maxClients":1e9,"rateLimit":1}', '{"rateLimit":"off"}']) {
    storage.setItem("flashproxy-limits", text);
    storage.setItem("flashproxy-choice", text);
    assert.deepEqual([settings.limits(), settings.choice()], [{}, null], text);
  }
  storage.setItem("flashproxy-limits", '{"maxClients":5,"rateLimit":-1}');
  assert.deepEqual(settings.limits(), { maxClients: 5 });
});

test("what is forgotten is forgotten by a page that is open, too", () => {
  const storage = memory();
  const stats = createStats(() => storage, () => 0);
  stats.observe(/** @type {any} */ ({ served: 1, bytesUp: 10, bytesDown: 10 }));
  assert.equal(stats.read().all.served, 1);
  createSettings(() => storage).forget();
  assert.equal(stats.read().all.served, 0);
  stats.observe(/** @type {any} */ ({ served: 2, bytesUp: 15, bytesDown: 10 }));
  assert.deepEqual(stats.read().all, { served: 1, up: 5, down: 0 });
});
