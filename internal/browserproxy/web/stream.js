// A leg over WebSocketStream, which has streams with back-pressure of its own.

import { codeGone, codeNormal, codeTooBig, codeUnsupported, flushTimeout, LegError, maxReceived } from "./leg.js";

/** @typedef {import("./clock.js").Clock} Clock */
/** @typedef {import("./leg.js").Bytes} Bytes */
/** @typedef {import("./leg.js").Leg} Leg */

/**
 * What we use of a WebSocketStream (WHATWG WebSockets, still a proposal).
 *
 * @typedef {object} WebSocketStream
 * @property {Promise<{readable: ReadableStream<unknown>, writable: WritableStream<Bytes>}>} opened
 * @property {Promise<unknown>} closed
 * @property {(info: {closeCode: number}) => void} close
 */

/**
 * Opens a leg; see openLeg.
 *
 * @param {{WebSocketStream?: any, clock: Clock}} env
 * @param {string} url
 * @param {AbortSignal} signal
 * @returns {Promise<Leg>}
 */
export async function openStream({ WebSocketStream, clock }, url, signal) {
  signal.throwIfAborted();
  try {
    /** @type {WebSocketStream} */
    const socket = new WebSocketStream(url, { signal });
    socket.closed.catch(() => {}); // it rejects too when opened does
    const { readable, writable } = await socket.opened;
    const leg = new StreamLeg(clock, socket, readable.getReader(), writable.getWriter());
    if (signal.aborted) leg.abort();
    signal.throwIfAborted();
    return leg;
  } catch {
    signal.throwIfAborted();
    throw new LegError("no connection");
  }
}

/** @implements {Leg} */
class StreamLeg {
  #clock;
  #socket;
  #reader;
  #writer;
  /** @type {LegError | null} why nothing more can be read or written */
  #error = null;
  /** @type {(err: LegError) => void} */
  #reject = () => {};
  /** @type {(err: LegError) => void} ends the write that is under way */
  #writing = () => {};

  /**
   * @param {Clock} clock
   * @param {WebSocketStream} socket
   * @param {ReadableStreamDefaultReader<unknown>} reader
   * @param {WritableStreamDefaultWriter<Bytes>} writer
   */
  constructor(clock, socket, reader, writer) {
    this.#clock = clock;
    this.#socket = socket;
    this.#reader = reader;
    this.#writer = writer;
    /** @type {Promise<never>} */
    this.failed = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.failed.catch(() => {});
    socket.closed.catch(() => this.#fail("the connection broke", codeGone));
  }

  /** @returns {Promise<Bytes | null>} */
  async read() {
    for (;;) {
      const { done, value } = await this.#reader.read().catch(() => {
        throw this.#fail("the connection broke", codeGone);
      });
      if (this.#error) throw this.#error;
      if (done) return null;
      if (typeof value === "string") throw this.#fail("a text message", codeUnsupported);
      const bytes = value instanceof Uint8Array ? /** @type {Bytes} */ (value) : new Uint8Array(/** @type {ArrayBuffer} */ (value));
      if (bytes.byteLength > maxReceived) throw this.#fail("too large a message", codeTooBig);
      if (bytes.byteLength > 0) return bytes;
    }
  }

  /**
   * @param {Bytes} bytes
   * @returns {Promise<void>}
   */
  write(bytes) {
    return new Promise((resolve, reject) => {
      if (this.#error) throw this.#error;
      // A stream that is aborted still waits for the write that is under way.
      this.#writing = reject;
      this.#writer.write(bytes).then(resolve, () => reject(this.#error ?? new LegError("the connection is closed")));
    });
  }

  async close() {
    const timer = this.#clock.setTimeout(() => this.abort(), flushTimeout);
    // It is read on, since the peer's goodbye comes behind all that it has sent.
    const closed = Promise.allSettled([this.#writer.close(), this.#discard(), this.#socket.closed]);
    await Promise.race([closed, this.failed.catch(() => {})]);
    this.#clock.clearTimeout(timer);
  }

  async #discard() {
    while (!(await this.#reader.read()).done);
  }

  abort(code = codeNormal) {
    this.#fail("the connection was cut", code);
  }

  /**
   * @param {string} why
   * @param {number} code
   * @returns {LegError} why it failed first
   */
  #fail(why, code) {
    if (this.#error) return this.#error;
    this.#error = new LegError(why);
    this.#reject(this.#error);
    this.#writing(this.#error);
    try {
      this.#socket.close({ closeCode: code });
    } catch {
      // It is closed.
    }
    this.#reader.cancel().catch(() => {});
    this.#writer.abort().catch(() => {});
    return this.#error;
  }
}
