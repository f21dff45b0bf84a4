// The bytes that a classic leg has brought and nobody has read yet. Small messages
// are packed together, so that a message of one byte costs one byte and not the
// hundred of an object, and leaves with others in one larger message.

import { maxMessage } from "./leg.js";

/** @typedef {import("./leg.js").Bytes} Bytes */

/**
 * @typedef {object} Inbox
 * @property {() => number} size in bytes
 * @property {(bytes: Bytes) => void} put takes bytes over; they must not change
 * @property {() => Bytes} take the first bytes, as many as lie together; size must not be 0
 * @property {() => void} clear
 */

/** Messages from this size on are not copied, in bytes. */
const large = maxMessage / 2;

/** @returns {Inbox} */
export function createInbox() {
  /** @type {Bytes[]} */
  let chunks = [];
  let size = 0;
  let room = 0; // free bytes behind the last chunk, in its buffer

  return {
    size: () => size,

    put(bytes) {
      const n = bytes.byteLength;
      const last = chunks[chunks.length - 1];
      size += n;
      if (last && n <= room) {
        new Uint8Array(last.buffer, last.byteOffset + last.byteLength, n).set(bytes);
        chunks[chunks.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.byteLength + n);
        room -= n;
      } else if (last && n > 0 && n < large) {
        const block = new Uint8Array(maxMessage);
        block.set(bytes);
        chunks.push(block.subarray(0, n));
        room = maxMessage - n;
      } else if (n > 0) {
        chunks.push(bytes);
        room = 0;
      }
    },

    take() {
      const first = /** @type {Bytes} */ (chunks.shift());
      if (chunks.length === 0) room = 0;
      size -= first.byteLength;
      return first;
    },

    clear() {
      chunks = [];
      size = room = 0;
    },
  };
}
