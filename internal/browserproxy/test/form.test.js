import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseAddrPort, parseRelayAddr } from "../web/address.js";
import { encodePoll, maxAnswer, parseAnswer } from "../web/form.js";
import { below, forSeeds, pick } from "./support/random.js";
import { table } from "./support/tables.js";

const { answers, badAnswers } = table("answers.json");

test("answers and what they mean", () => {
  for (const [body, want] of Object.entries(answers)) {
    const { match, checkBackIn } = parseAnswer(body);
    const plain = match && { ...match, client: formatAddress(match.client), relay: formatAddress(match.relay) };
    assert.deepEqual({ match: plain, checkBackIn }, want, body);
  }
});

test("answers that are refused, without quoting them", () => {
  const long = [`client=&${"x=y&".repeat(511)}z`, `client=${"x".repeat(maxAnswer)}`];
  for (const body of [...badAnswers, ...long]) {
    assert.throws(() => parseAnswer(body), (err) => err instanceof Error && (body.length < 8 || !err.message.includes(body)), body);
  }
  assert.equal(parseAnswer(`client=&${"x=y&".repeat(510)}z`).match, null);
});

test("polls", () => {
  for (const { query, clients, unreachable, ...rest } of table("polls.json")) {
    assert.equal(encodePoll({ clients: clients.map(parseAddrPort), unreachable: unreachable.map(parseRelayAddr), ...rest }), query);
  }
  const many = Array.from({ length: 300 }, () => parseAddrPort("1.2.3.4:1"));
  assert.equal(encodePoll({ clients: many, transports: ["wss"], unreachable: [], wait: 1 }).split("client=").length - 1, 256);
  assert.equal(encodePoll({ clients: [], transports: ["wss"], unreachable: many, wait: 1 }).split("unreachable=").length - 1, 8);
  assert.equal(encodePoll({ clients: [], transports: ["wss"], unreachable: [], wait: 0.2 }), "r=1&transport=wss&wait=1");
});

test("rubbish is refused with an Error, or is an answer", () => forSeeds(3000, (random) => {
  const parts = ["client=", "relay=", "&", "=", "%", "%3A", "%5B", "check-back-in=", "1.2.3.4:5", "[::1]:5", ";", "x", "9", "+", "\u0000", "é"];
  const body = Array.from({ length: below(random, 12) }, () => pick(random, parts)).join("");
  try {
    const { match, checkBackIn } = parseAnswer(body);
    assert.ok(checkBackIn === null || checkBackIn >= 0);
    assert.ok(match === null || match.client.port > 0);
  } catch (err) {
    assert.ok(err instanceof Error && !(err instanceof TypeError), String(err));
  }
}));
