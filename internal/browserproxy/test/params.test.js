import assert from "node:assert/strict";
import { test } from "node:test";
import { parseParams } from "../web/params.js";
import { below, forSeeds, pick } from "./support/random.js";

test("parameters and what they mean", () => {
  /** @type {[string, object][]} */
  const cases = [
    ["", {}],
    ["?", {}],
    ["?unknown=x&max_client=7&", {}],
    ["?debug", { debug: true }],
    ["debug=1&unsafe_logging=true&cookierequired=0", { debug: true, unsafeLogging: true, cookieRequired: false }],
    ["?debug=false&cookierequired=", { debug: false, cookieRequired: true }],
    ["?lang=pt", { lang: "pt" }],
    ["?lang=zh-Hant-TW", { lang: "zh-Hant-TW" }],
    ["?facilitator_poll_interval=10&initial_facilitator_poll_interval=0.5", { pollInterval: 10, initialPollInterval: 0.5 }],
    ["?facilitator_poll_interval=1.0&initial_facilitator_poll_interval=0", { pollInterval: 1, initialPollInterval: 0 }],
    ["?max_clients=1", { maxClients: 1 }],
    ["?max_clients=100", { maxClients: 100 }],
    ["?ratelimit=off", { rateLimit: null }],
    ["?ratelimit=10K", { rateLimit: 10240 }],
    ["?ratelimit=1.5m", { rateLimit: 1572864 }],
    ["?ratelimit=100000", { rateLimit: 100000 }],
    ["?ratelimit=.5G", { rateLimit: 536870912 }],
  ];
  for (const [search, want] of cases) assert.deepEqual(parseParams(search, false), { params: want, problems: [] }, search);
});

test("values that make no sense are reported and not set", () => {
  const bad = {
    debug: ["2", "yes", "True", " 1"],
    unsafe_logging: ["x"],
    cookierequired: ["-1"],
    lang: ["p", "english language", "en_US", "../de", "<b>", "123456789"],
    facilitator_poll_interval: ["", "0", "0.9", "-1", "1e3", "3601", "10s", "NaN", "0x10", "Infinity"],
    initial_facilitator_poll_interval: ["", "-1", "3601", "1,5"],
    max_clients: ["", "0", "-1", "101", "1.5", "1e1", "ten", "0x1", "99999999999999999999"],
    ratelimit: ["", "0", "1", "10239", "9.9K", "-1M", "10KB", "10 K", "OFF", "1e6", "NaN", "9999999999999999G", "K", "."],
  };
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const { params, problems } = parseParams(`?${name}=${encodeURIComponent(value)}`, false);
      assert.deepEqual(problems, [{ name, value, code: "value" }], `${name}=${value}`);
      assert.deepEqual(params, {});
    }
  }
  assert.deepEqual(parseParams("?max_clients=1&max_clients=2", false).problems, [{ name: "max_clients", value: "1", code: "twice" }]);
  assert.equal(parseParams(`?lang=${"x".repeat(5000)}`, false).problems[0]?.value.length, 100);
  const { params, problems } = parseParams("?debug&max_clients=0&lang=de&ratelimit=x", false);
  assert.deepEqual([params, problems.length], [{ debug: true, lang: "de" }, 2]);
});

test("parameters that aim the browser work on trusted pages only", () => {
  const search = "?facilitator=http://127.0.0.1:9002/&client=8.8.8.8:9000&relay=[2606:4700::1]:9902";
  const { params, problems } = parseParams(search, false);
  assert.deepEqual(params, {});
  assert.deepEqual(problems.map(({ name, code }) => [name, code]),
    [["facilitator", "untrusted"], ["client", "untrusted"], ["relay", "untrusted"]]);
  assert.deepEqual(parseParams(search, true), {
    params: { facilitator: "http://127.0.0.1:9002/", given: { client: "8.8.8.8:9000", relay: "[2606:4700::1]:9902" } },
    problems: [],
  });
  assert.deepEqual(parseParams("?client=8.8.8.8:9000", true).problems, [{ name: "client", value: "8.8.8.8:9000", code: "alone" }]);
  assert.deepEqual(parseParams("?relay=8.8.8.8:9000", true).problems, [{ name: "relay", value: "8.8.8.8:9000", code: "alone" }]);
  const bad = ["facilitator=//x/", "facilitator=ftp://x/", "facilitator=x", "facilitator=http://x/?y", "facilitator=http://x/?", "facilitator=http://x/%23y",
    "facilitator=http://u:p@x/", "facilitator=javascript:alert(1)", "facilitator=", "client=localhost:1&relay=8.8.8.8:1",
    "client=8.8.8.8:0&relay=8.8.8.8:1", "client=8.8.8.8:1&relay=relay.example:1", "client=&relay="];
  for (const search of bad) {
    const { params, problems } = parseParams(search, true);
    assert.ok(problems.length > 0, search);
    assert.equal(params.facilitator ?? params.given, undefined, search);
  }
});

test("any query is read without an exception", () => forSeeds(2000, (random) => {
  const parts = ["debug", "lang", "client", "relay", "facilitator", "ratelimit", "max_clients", "=", "&", "?", "1", "%", "%ff", "http://a/",
    "8.8.8.8:1", "10K", "off", "#", "+", "__proto__", "constructor", "toString"];
  const search = Array.from({ length: below(random, 15) }, () => pick(random, parts)).join("");
  for (const trusted of [true, false]) {
    const { params, problems } = parseParams(search, trusted);
    assert.ok(trusted || (params.facilitator === undefined && params.given === undefined));
    for (const { name, value } of problems) assert.ok(name !== "" && typeof value === "string");
  }
}));
