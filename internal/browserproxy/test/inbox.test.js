import assert from "node:assert/strict";
import { test } from "node:test";
import { createInbox } from "../web/inbox.js";
import { maxMessage } from "../web/leg.js";
import { below, bytes, forSeeds, pick } from "./support/random.js";

test("what goes in comes out, in order", () => forSeeds(50, (random) => {
  const inbox = createInbox();
  const data = bytes(random, 200_000);
  /** @type {Uint8Array[]} */
  const got = [];
  let put = 0;
  let taken = 0;
  const take = () => {
    const chunk = inbox.take();
    assert.ok(chunk.length > 0);
    got.push(chunk);
    taken += chunk.length;
  };
  while (put < data.length) {
    if (random() < 0.6) {
      const message = data.subarray(put, put + below(random, pick(random, [2, 600, 20_000, 40_000])));
      inbox.put(message);
      put += message.length;
    } else if (inbox.size() > 0) {
      take();
    }
    assert.equal(inbox.size(), put - taken);
  }
  while (inbox.size() > 0) take();
  assert.ok(Buffer.concat(got).equals(data));
}));

test("small messages are packed, and a taken one does not change", () => {
  const inbox = createInbox();
  inbox.put(Uint8Array.of(1));
  for (let i = 0; i < 3 * maxMessage; i++) inbox.put(Uint8Array.of(i));
  let takes = 0;
  let n = 0;
  /** @type {[Uint8Array, string][]} */
  const taken = [];
  while (inbox.size() > 0) {
    const chunk = inbox.take();
    taken.push([chunk, chunk.join()]);
    n += chunk.length;
    takes++;
    if (takes === 2) inbox.put(Uint8Array.of(9));
  }
  assert.equal(n, 3 * maxMessage + 2);
  assert.ok(takes <= 5, `${takes} chunks`);
  for (const [chunk, before] of taken) assert.equal(chunk.join(), before);
});

test("clear forgets all", () => {
  const inbox = createInbox();
  inbox.put(Uint8Array.of(1, 2));
  inbox.put(Uint8Array.of(3));
  inbox.clear();
  assert.equal(inbox.size(), 0);
  inbox.put(Uint8Array.of(4));
  assert.deepEqual([...inbox.take()], [4]);
});
