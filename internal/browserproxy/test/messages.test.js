import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCommand, parseReport } from "../web/messages.js";
import { plain } from "./support/world.js";

const state = {
  running: true, polling: false, full: false, clients: 1, pairs: 2, served: 3, bytesUp: 4, bytesDown: 5, rateUp: 6.5, rateDown: 7,
  lastPoll: 1_700_000_000_000, nextPoll: null, nobody: false, transports: ["wss"], error: { code: "unreachable", text: "x" },
};

test("commands", () => {
  for (const command of [{ type: "start", options: plain }, { type: "limits", limits: plain.limits }, { type: "retry" }, { type: "stop" }]) {
    assert.deepEqual(parseCommand(structuredClone(command)), command);
  }
  for (const data of [undefined, null, 1, "stop", [], {}, { type: "halt" }, { type: "start" }, { type: "start", options: {} },
    { type: "limits", limits: { maxClients: -1, rateLimit: null } }, { type: "toString" }, { type: ["stop"] }]) {
    assert.throws(() => parseCommand(data), TypeError);
  }
});

test("reports", () => {
  for (const report of [{ type: "ready" }, { type: "state", state }, { type: "state", state: { ...state, error: null } },
    { type: "log", text: "x" }, { type: "fault", text: "" }]) {
    assert.deepEqual(parseReport(structuredClone(report)), report);
  }
  for (const data of [undefined, null, 1, {}, { type: "log" }, { type: "fault", text: 1 }, { type: "state" }, { type: "state", state: null }]) {
    assert.throws(() => parseReport(data), TypeError);
  }
  for (const [key, values] of Object.entries({ running: [1, undefined], clients: [-1, "1", NaN, undefined], rateUp: [Infinity, null],
    nextPoll: [undefined, "x", -1], transports: [undefined, "wss", [1]], error: [undefined, "x", {}, { code: "x", text: "" }, { code: "private" }] })) {
    for (const value of values) {
      assert.throws(() => parseReport({ type: "state", state: { ...state, [key]: value } }), TypeError, `${key}: ${value}`);
    }
  }
});
