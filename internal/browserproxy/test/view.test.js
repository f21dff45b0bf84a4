import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCodes } from "../web/messages.js";
import { languages, load } from "../web/i18n.js";
import { view } from "../web/view.js";

/** @typedef {import("../web/view.js").Situation} Situation */

/** @param {Partial<import("../web/messages.js").State>} some @returns {import("../web/messages.js").State} */
const state = (some = {}) => ({
  running: true, polling: true, full: false, clients: 0, pairs: 0, served: 0, bytesUp: 0, bytesDown: 0, rateUp: 0, rateDown: 0,
  lastPoll: null, nextPoll: null, nobody: false, transports: ["websocket", "wss"], error: null, ...some,
});

/** @param {Partial<Situation>} some @returns {Situation} */
const situation = (some = {}) => ({ problems: [], obstacle: null, fault: false, on: true, turn: true, state: state(), ...some });

const texts = await load("en");
const problem = /** @type {const} */ ({ name: "ratelimit", value: "<b>", code: "value" });
const error = /** @type {const} */ ({ code: "unreachable", text: "x" });

test("what is shown when", () => {
  const tables = /** @type {[Partial<Situation>, string, string, string, boolean, boolean][]} */ ([
    // what is the case, kind, headline, more, whether the switch is on, whether it can be used
    [{ on: false, turn: null, state: null }, "off", "Switched off", "Nothing runs", false, true],
    [{ on: false }, "off", "Switched off", "Nothing runs", false, true], // it is being stopped
    [{ turn: null, state: null }, "starting", "Starting", "", true, true],
    [{ state: null }, "starting", "Starting", "", true, true],
    [{ state: state({ running: false }) }, "starting", "Starting", "", true, true],
    [{}, "idle", "Ready", "Leave this page open", true, true],
    [{ state: state({ nobody: true }) }, "idle", "Ready", "Leave this page open", true, true],
    [{ state: state({ transports: ["wss"] }) }, "idle", "Ready", "Leave this page open", true, true],
    [{ state: state({ transports: ["wss"], nobody: true }) }, "unmet", "hardly anybody", "This page came by https", true, true],
    [{ state: state({ clients: 1 }) }, "active", "Helping 1 person right now", "", true, true],
    [{ state: state({ clients: 3, full: true }) }, "active", "Helping 3 people right now", "as many as you allow", true, true],
    [{ state: state({ clients: 3, error }) }, "active", "Helping 3 people", "", true, true],
    [{ state: state({ error }) }, "trouble", "No contact", "does not answer", true, true],
    [{ state: state({ error: { code: "timeout", text: "" } }) }, "trouble", "No contact", "does not answer", true, true],
    [{ state: state({ error: { code: "garbage", text: "" } }) }, "trouble", "No contact", "cannot be used", true, true],
    [{ state: state({ error: { code: "pair", text: "" } }) }, "trouble", "No contact", "two computers", true, true],
    [{ turn: false, state: null }, "elsewhere", "Another tab", "One tab", true, true],
    [{ obstacle: "tor-browser" }, "disabled", "cannot run here", "Tor Browser", false, false],
    [{ obstacle: "mobile" }, "disabled", "cannot run here", "phone", false, false],
    [{ obstacle: "metered" }, "disabled", "cannot run here", "save data", false, false],
    [{ obstacle: "no-websocket" }, "disabled", "cannot run here", "WebSocket", false, false],
    [{ obstacle: "mixed" }, "disabled", "cannot run here", "by http only", false, false],
    [{ obstacle: "mobile", on: false }, "disabled", "cannot run here", "phone", false, false],
    [{ problems: [problem] }, "dead", "Stopped", "The address of this page", false, false],
    [{ problems: [problem], obstacle: "mobile" }, "dead", "Stopped", "The address of this page", false, false],
    [{ fault: true }, "dead", "Stopped", "went wrong", false, false],
  ]);
  for (const [some, kind, headline, more, on, canSwitch] of tables) {
    const v = view(situation(some), texts);
    const said = JSON.stringify(some);
    assert.equal(v.kind, kind, said);
    assert.ok(v.headline.includes(headline), `${said}: ${v.headline}`);
    assert.ok(more === "" ? v.more === "" : v.more.includes(more), `${said}: ${v.more}`);
    assert.deepEqual([v.on, v.canSwitch], [on, canSwitch], said);
    assert.ok(v.short.length > 0 && v.short.length < 14, v.short);
  }
});

test("trying again", () => {
  const at = new Date(2025, 0, 1, 13, 14, 15).getTime();
  const waiting = view(situation({ state: state({ error, nextPoll: at, polling: false }) }), texts);
  assert.ok(waiting.canRetry);
  assert.match(waiting.more, /Next try: .*1:14:15/);
  assert.ok(!view(situation({ state: state({ error }) }), texts).canRetry, "it is trying");
  assert.ok(!view(situation({ state: state({ nextPoll: at }) }), texts).canRetry, "nothing is wrong");
});

test("where http would do better", () => {
  const plain = (/** @type {Partial<Situation>} */ some) => view(situation(some), texts).plain;
  assert.ok(plain({ obstacle: "mixed" }));
  assert.ok(plain({ state: state({ transports: ["wss"], nobody: true }) }));
  assert.ok(!plain({ state: state({ transports: ["wss"], clients: 1 }) }));
  assert.ok(!plain({ state: state({ nobody: true }) }));
  assert.ok(!plain({ obstacle: "mobile" }));
});

test("each problem and each error has words in each language", async () => {
  for (const code of Object.keys(languages)) {
    const t = await load(/** @type {any} */ (code));
    for (const kind of /** @type {const} */ (["value", "twice", "untrusted", "alone"])) {
      const v = view(situation({ problems: [{ name: "max_clients", value: "<b>", code: kind }] }), t);
      assert.equal(v.problems.length, 1);
      assert.ok(v.problems[0]?.includes("max_clients"), v.problems[0]);
      assert.ok(!/[{}]/.test(v.problems.join()), v.problems[0]);
    }
    for (const code of errorCodes) {
      const v = view(situation({ state: state({ error: { code: /** @type {any} */ (code), text: "x" }, nextPoll: 1 }) }), t);
      assert.ok(v.more.length > 10 && !/[{}]/.test(v.more), v.more);
    }
    for (let n = 1; n < 30; n++) assert.ok(!/[{}]/.test(view(situation({ state: state({ clients: n }) }), t).headline));
  }
});
