import assert from "node:assert/strict";
import { test } from "node:test";
import { config } from "../web/config.js";
import { checkLimits, checkOptions, makeOptions, parseRate, transportsOn } from "../web/options.js";
import { plain } from "./support/world.js";

const http = { href: "http://site.example/proxy/?debug", protocol: "http:" };

test("the config that is served makes options", () => {
  assert.deepEqual(makeOptions(config, {}, {}, http), {
    facilitator: "http://site.example/",
    given: null,
    transports: ["websocket", "wss"],
    limits: { maxClients: 10, rateLimit: null },
    pollInterval: null,
    initialPollInterval: 0,
    allowPrivate: false,
    debug: false,
    unsafeLogging: false,
  });
});

test("the visitor goes before the parameters, and those before the config", () => {
  const site = { ...config, facilitator: "https://f.example/x", maxClients: 3, rateLimit: "1M", initialPollInterval: 5, allowPrivate: true };
  const params = { maxClients: 4, rateLimit: 20_000, pollInterval: 7, initialPollInterval: 8, debug: true, unsafeLogging: true,
    facilitator: "http://g.example/", given: { client: "8.8.8.8:1", relay: "1.1.1.1:1" } };
  const some = makeOptions(site, {}, {}, http);
  assert.deepEqual([some.facilitator, some.limits, some.initialPollInterval, some.allowPrivate],
    ["https://f.example/x", { maxClients: 3, rateLimit: 1 << 20 }, 5, true]);
  assert.deepEqual(makeOptions(site, params, {}, http), {
    facilitator: "http://g.example/", given: params.given, transports: ["websocket", "wss"], limits: { maxClients: 4, rateLimit: 20_000 },
    pollInterval: 7, initialPollInterval: 8, allowPrivate: true, debug: true, unsafeLogging: true,
  });
  assert.deepEqual(makeOptions(site, params, { maxClients: 1, rateLimit: null }, http).limits, { maxClients: 1, rateLimit: null });
  assert.deepEqual(makeOptions(site, { rateLimit: null }, {}, http).limits, { maxClients: 3, rateLimit: null });
});

test("a config that makes no sense is refused, by the name of its field", () => {
  /** @type {[any, RegExp][]} */
  const cases = [[{ facilitator: "http://[" }, /facilitator/], [{ facilitator: "ftp://x/" }, /facilitator/], [{ maxClients: 0 }, /maxClients/],
    [{ maxClients: "10" }, /maxClients/], [{ rateLimit: "1" }, /rateLimit/], [{ initialPollInterval: -1 }, /initialPollInterval/],
    [{ allowPrivate: undefined }, /allowPrivate/]];
  for (const [change, field] of cases) {
    assert.throws(() => makeOptions({ ...config, ...change }, {}, {}, http), (err) => err instanceof TypeError && field.test(err.message));
  }
});

test("transports", () => {
  assert.deepEqual(transportsOn("http:", false, false), ["websocket", "wss"]);
  assert.deepEqual(transportsOn("https:", false, false), ["wss"]);
  assert.deepEqual(transportsOn("http:", true, true), ["wss"]);
  assert.deepEqual(transportsOn("https:", true, true), ["wss"]);
  const both = ["websocket", "wss"];
  /** @type {[string, boolean, string[]][]} */
  const pages = [
    ["http://site.example/", false, both],
    ["http://localhost:9002/", false, both],
    ["https://site.example/", false, ["wss"]],
    ["https://site.example/", true, ["wss"]],
    ["https://localhost.example/", true, ["wss"]],
    ["https://localhost:9002/", false, ["wss"]],
    ["https://localhost:9002/", true, both],
    ["https://127.0.0.1/", true, both],
    ["https://[::1]/", true, both],
  ];
  for (const [href, allowPrivate, want] of pages) {
    const { protocol } = new URL(href);
    assert.deepEqual(makeOptions({ ...config, allowPrivate }, {}, {}, { href, protocol }).transports, want, href);
  }
});

test("rates", () => {
  assert.deepEqual(["off", "10240", "10k", "1.5M", "1.M", "9K", "", "1T"].map(parseRate),
    [null, 10240, 10240, 1572864, 1048576, undefined, undefined, undefined]);
});

test("options that came as a message", () => {
  const sent = { ...plain, given: { client: "8.8.8.8:1", relay: "1.1.1.1:1" }, more: 1 };
  const { more, ...want } = sent;
  assert.equal(more, 1);
  assert.deepEqual(checkOptions(structuredClone(sent)), want);
  for (const [key, values] of Object.entries({
    facilitator: [undefined, null, 1, "", "x", "file:///x", "http://x/?q", "http://x/#f"],
    given: [undefined, 1, {}, { client: "8.8.8.8:1" }, { client: "x", relay: "1.1.1.1:1" }, { client: 1, relay: 2 }],
    transports: [undefined, "wss", [], ["tcp"], [1]],
    limits: [undefined, null, {}, { maxClients: 0, rateLimit: null }, { maxClients: 1, rateLimit: 0 }, { maxClients: 1.5, rateLimit: null },
      { maxClients: 101, rateLimit: null }, { maxClients: 1, rateLimit: NaN }, { maxClients: 1, rateLimit: Infinity }, { maxClients: 1, rateLimit: "off" }],
    pollInterval: [undefined, 0, 0.5, 3601, NaN, "10"],
    initialPollInterval: [undefined, null, -1, 3601, NaN],
    allowPrivate: [undefined, 1, "true"],
    debug: [undefined, null],
    unsafeLogging: [undefined, 0],
  })) {
    for (const value of values) {
      assert.throws(() => checkOptions({ ...sent, [key]: value }), TypeError, `${key}: ${JSON.stringify(value)}`);
    }
  }
  for (const value of [null, undefined, 1, "x", []]) assert.throws(() => checkOptions(value), TypeError);
  for (const value of [null, undefined, 1]) assert.throws(() => checkLimits(value), TypeError);
});
