import assert from "node:assert/strict";
import { test } from "node:test";
import { createInbox } from "../web/inbox.js";
import { maxMessage } from "../web/leg.js";
import { below, bytes, forSeeds, pick } from "./support/random.js";

/** An inbox, and how many bytes it has let go. */
function open() {
  const gone = { bytes: 0 };
  const inbox = createInbox((n) => (gone.bytes += n));
  return { inbox, gone };
}

test("what goes in comes out, in order", () => forSeeds(50, async (random) => {
  const { inbox, gone } = open();
  const data = bytes(random, 200_000);
  /** @type {Uint8Array[]} */
  const got = [];
  let put = 0;
  /** @type {Promise<void> | null} */
  let reading = null;
  const read = () => inbox.read().then((chunk) => {
    reading = null;
    if (chunk) got.push(chunk);
  });
  while (put < data.length) {
    if (random() < 0.6) {
      const message = data.subarray(put, put + below(random, pick(random, [2, 600, 20_000, 40_000])));
      inbox.put(message);
      put += message.length;
    } else {
      reading ??= read();
    }
    if (random() < 0.5) await null;
    assert.equal(inbox.size(), put - gone.bytes);
  }
  inbox.end();
  await reading;
  for (let chunk = await inbox.read(); chunk; chunk = await inbox.read()) got.push(chunk);
  assert.equal(await inbox.read(), null);
  assert.ok(Buffer.concat(got).equals(data));
  assert.equal(gone.bytes, data.length);
}));

test("small messages are packed, and one that was read does not change", async () => {
  const { inbox } = open();
  for (let i = 0; i < 3 * maxMessage; i++) inbox.put(Uint8Array.of(i));
  inbox.end();
  let n = 0;
  /** @type {[Uint8Array, string][]} */
  const read = [];
  for (let chunk = await inbox.read(); chunk; chunk = await inbox.read()) {
    read.push([chunk, chunk.join()]);
    n += chunk.length;
    if (read.length < 3) inbox.put(Uint8Array.of(9));
  }
  assert.equal(n, 3 * maxMessage + 2);
  assert.ok(read.length <= 5, `${read.length} chunks`);
  for (const [chunk, before] of read) assert.equal(chunk.join(), before);
});

test("who has bytes in hand has them counted until the next read", async () => {
  const { inbox, gone } = open();
  inbox.put(new Uint8Array(10));
  assert.equal((await inbox.read())?.length, 10);
  assert.deepEqual([inbox.size(), gone.bytes], [10, 0]);
  const waiting = inbox.read();
  assert.deepEqual([inbox.size(), gone.bytes], [0, 10]);
  inbox.put(new Uint8Array(0)); // is nothing
  inbox.put(new Uint8Array(5));
  assert.equal((await waiting)?.length, 5);
  inbox.put(new Uint8Array(7));
  inbox.clear();
  assert.deepEqual([inbox.size(), gone.bytes], [5, 17]);
});

test("a failure drops what waits, and is what every read gets", async () => {
  const { inbox, gone } = open();
  const err = new Error("broke");
  const waiting = assert.rejects(inbox.read(), err);
  inbox.fail(err);
  await waiting;
  const other = open();
  other.inbox.put(new Uint8Array(10));
  other.inbox.end();
  other.inbox.fail(err);
  await assert.rejects(other.inbox.read(), err);
  await assert.rejects(other.inbox.read(), err);
  assert.deepEqual([gone.bytes, other.gone.bytes, other.inbox.size()], [0, 10, 0]);
});
