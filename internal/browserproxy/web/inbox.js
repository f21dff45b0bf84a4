// The bytes that a leg has brought and nobody has read yet. Small messages are
// packed together, so that a message of one byte costs one byte and not the hundred
// of an object, and leaves with others in one larger message.

import { maxMessage } from "./leg.js";

/** @typedef {import("./leg.js").Bytes} Bytes */

/**
 * @typedef {object} Inbox
 * @property {() => number} size in bytes, with the chunk that the reader has in hand: it waits
 *   too, until the reader comes back for more
 * @property {(bytes: Bytes) => void} put takes bytes over; they must not change
 * @property {() => void} end says that no more comes
 * @property {(err: Error) => void} fail drops all; reads reject from now on
 * @property {() => void} clear drops all
 * @property {() => Promise<Bytes | null>} read waits for bytes, and resolves with as many as lie
 *   together; with null at the end. One read at a time
 */

/** Messages from this size on are not copied, in bytes. */
const large = maxMessage / 2;

/**
 * @param {(n: number) => void} released is told of n bytes that do not wait any more
 * @returns {Inbox}
 */
export function createInbox(released) {
  /** @type {Bytes[]} */
  let chunks = [];
  let size = 0; // of chunks
  let room = 0; // free bytes behind the last chunk, in its buffer
  let held = 0; // bytes that the reader has in hand
  let ended = false;
  /** @type {Error | null} */
  let error = null;
  /** @type {{resolve: (bytes: Bytes | null) => void, reject: (err: Error) => void} | null} */
  let reader = null;

  /** @param {Bytes} bytes */
  function add(bytes) {
    const n = bytes.byteLength;
    const last = chunks[chunks.length - 1];
    size += n;
    if (last && n <= room) {
      new Uint8Array(last.buffer, last.byteOffset + last.byteLength, n).set(bytes);
      chunks[chunks.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.byteLength + n);
      room -= n;
    } else if (last && n < large) {
      const block = new Uint8Array(maxMessage);
      block.set(bytes);
      chunks.push(block.subarray(0, n));
      room = maxMessage - n;
    } else {
      chunks.push(bytes);
      room = 0;
    }
  }

  function take() {
    const first = /** @type {Bytes} */ (chunks.shift());
    held = first.byteLength;
    size -= held;
    return first;
  }

  function clear() {
    const n = size;
    chunks = [];
    size = room = 0;
    released(n);
  }

  return {
    size: () => size + held,
    put(bytes) {
      if (bytes.byteLength === 0) return;
      add(bytes);
      reader?.resolve(take());
      reader = null;
    },
    end() {
      ended = true;
      reader?.resolve(null);
      reader = null;
    },
    fail(err) {
      error = err;
      reader?.reject(err);
      reader = null;
      clear();
    },
    clear,
    read() {
      const n = held;
      held = 0;
      released(n);
      return new Promise((resolve, reject) => {
        if (error) reject(error);
        else if (size > 0) resolve(take());
        else if (ended) resolve(null);
        else reader = { resolve, reject };
      });
    },
  };
}
