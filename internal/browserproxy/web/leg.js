// One end of a pair: what pair.js needs of a connection, whatever it is made of, and
// the bounds that hold for all.

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/**
 * One end of a pair. Message boundaries mean nothing.
 *
 * @typedef {object} Leg
 * @property {() => Promise<Bytes | null>} read resolves with at least one byte, which stay
 *   as they are; null at the end, when the peer closed cleanly and all it sent was read. Rejects
 *   with a LegError. One read at a time
 * @property {(bytes: Bytes) => Promise<void>} write sends at most maxMessage bytes, and
 *   resolves when the leg may take more: so whoever awaits it is stopped by a slow peer. Rejects
 *   with a LegError when the leg can take nothing any more. One write at a time
 * @property {() => Promise<void>} close ends the leg after all that was written has been sent,
 *   and resolves when it is closed, or when that takes too long. What still comes is dropped
 * @property {(code?: number) => void} abort ends the leg now; may be called at any time, again too
 * @property {Promise<never>} failed rejects with a LegError when the leg ends in any way but
 *   cleanly; its rejection need not be handled
 */

/** Sent messages have at most so many bytes: some servers of 2015 take no more than 64 KiB (doc/protocol.md). */
export const maxMessage = 32 << 10;

/** The largest message accepted, in bytes (doc/protocol.md). */
export const maxReceived = 1 << 20;

/**
 * How long close waits for the peer to take what was written, in ms: a full buffer
 * (highWater) goes out in it at 3.5 KB/s.
 */
export const flushTimeout = 300_000;

/** And how long for its goodbye after that, in ms. */
export const goodbyeTimeout = 10_000;

// Codes of closing. A page may say only 1000 and 3000 to 4999, so the codes of
// RFC 6455, section 7.4.1, are here moved up by 3000.
export const codeNormal = 1000;
export const codeGone = 4001;
export const codeUnsupported = 4003;
export const codePolicy = 4008;
export const codeTooBig = 4009;

/** Why a leg ended. The message holds no address. */
export class LegError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "LegError";
  }
}

/**
 * How much a leg hands to the browser before it waits, in bytes. Timers have a grain of
 * 4 ms, so this is what lets a leg send 250 MB/s; Firefox, which is slow to count
 * down what it has sent, closed pairs at 60 MB/s with a quarter of it.
 */
export const highWater = 1 << 20;

/**
 * How much may wait in a pair, both ways, before it is handed to the browser, in bytes. A
 * WebSocket cannot be told to stop; Tor's own flow control keeps a circuit well below.
 */
export const maxQueue = 8 << 20;

/**
 * Counts the bytes that wait in a pair.
 *
 * @typedef {object} Queue
 * @property {(n: number) => boolean} add counts n more bytes, or fewer; false when they are too many
 */

/** @returns {Queue} that of a new pair */
export function createQueue() {
  let bytes = 0;
  return {
    add(n) {
      bytes += n;
      return bytes <= maxQueue;
    },
  };
}
