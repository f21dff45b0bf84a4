// A leg over a classic WebSocket. It cannot be told to stop: what comes waits in
// an inbox, counted in the queue of the pair. What goes out waits while the
// browser still has more than highWater bytes of ours (bufferedAmount).

import { aborted, sleep } from "./clock.js";
import { createInbox } from "./inbox.js";
import {
  codeGone, codeNormal, codePolicy, codeTooBig, codeUnsupported, flushTimeout, goodbyeTimeout, highWater, LegError, maxReceived,
} from "./leg.js";

/** @typedef {import("./clock.js").Clock} Clock */
/** @typedef {import("./leg.js").Bytes} Bytes */
/** @typedef {import("./leg.js").Leg} Leg */
/** @typedef {import("./leg.js").Queue} Queue */

// Nothing tells when bufferedAmount falls, so it is looked at: often at first,
// seldom when it does not move. In ms.
const firstLook = 1;
const slowLook = 50;

const OPEN = 1; // WebSocket.OPEN

/**
 * Opens a leg; see openLeg.
 *
 * @param {{WebSocket: any, clock: Clock}} env
 * @param {string} url
 * @param {Queue} queue
 * @param {AbortSignal} signal
 * @returns {Promise<Leg>}
 */
export async function openClassic({ WebSocket, clock }, url, queue, signal) {
  signal.throwIfAborted();
  /** @type {WebSocket} */
  let socket;
  try {
    socket = new WebSocket(url);
  } catch {
    throw new LegError("the browser does not allow this connection");
  }
  socket.binaryType = "arraybuffer";
  const leg = new ClassicLeg(clock, socket, queue);
  const abort = () => leg.abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await leg.opened;
    return leg;
  } catch {
    signal.throwIfAborted();
    throw new LegError("no connection");
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** @implements {Leg} */
class ClassicLeg {
  #clock;
  #socket;
  #queue;
  #inbox = createInbox();
  /** Bytes of the chunk that the reader has in hand: they wait too, until it asks for more. */
  #held = 0;
  /** @type {{resolve: (bytes: Bytes | null) => void, reject: (err: LegError) => void} | null} */
  #reader = null;
  /** @type {LegError | null} */
  #error = null;
  #ended = false; // the peer closed cleanly
  #closing = false; // what comes is dropped
  #life = new AbortController(); // ends with the socket
  /** @type {(err: LegError) => void} */
  #reject = () => {};

  /**
   * @param {Clock} clock
   * @param {WebSocket} socket
   * @param {Queue} queue
   */
  constructor(clock, socket, queue) {
    this.#clock = clock;
    this.#socket = socket;
    this.#queue = queue;
    /** @type {Promise<never>} */
    this.failed = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.failed.catch(() => {});
    /** @type {Promise<void>} */
    this.opened = Promise.race([this.failed, new Promise((/** @type {(value: void) => void} */ resolve) => {
      socket.onopen = () => resolve();
    })]);
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#closed(event.wasClean);
  }

  /** @param {unknown} data */
  #receive(data) {
    if (this.#closing) return;
    if (typeof data === "string") return this.#fail("a text message", codeUnsupported);
    const bytes = new Uint8Array(/** @type {ArrayBuffer} */ (data));
    if (bytes.byteLength > maxReceived) return this.#fail("too large a message", codeTooBig);
    if (!this.#queue.add(bytes.byteLength)) return this.#fail("more came than the other side takes", codePolicy);
    this.#inbox.put(bytes);
    this.#wake();
  }

  /** @param {boolean} clean */
  #closed(clean) {
    this.#release();
    // Before it was open there is nothing clean about an end: then opened is waiting.
    if (!clean) return this.#fail("the connection broke", codeGone);
    this.#ended = true;
    this.#wake();
  }

  /** Gives the reader what there is for it. */
  #wake() {
    const reader = this.#reader;
    if (!reader || (this.#inbox.size() === 0 && !this.#ended)) return;
    this.#reader = null;
    reader.resolve(this.#next());
  }

  #next() {
    if (this.#inbox.size() === 0) return null;
    const bytes = this.#inbox.take();
    this.#held = bytes.byteLength;
    return bytes;
  }

  /** @returns {Promise<Bytes | null>} */
  async read() {
    this.#queue.add(-this.#held);
    this.#held = 0;
    if (this.#error) throw this.#error;
    if (this.#inbox.size() > 0 || this.#ended) return this.#next();
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  /** @param {Bytes} bytes */
  async write(bytes) {
    await this.#drained(highWater);
    if (this.#error) throw this.#error;
    if (this.#closing || this.#socket.readyState !== OPEN) throw new LegError("the connection is closed");
    this.#socket.send(bytes);
  }

  /**
   * Waits until the browser has less than so many bytes of ours, or the socket is
   * closed.
   *
   * @param {number} bytes
   */
  async #drained(bytes) {
    let look = firstLook;
    let before = this.#socket.bufferedAmount;
    while (!this.#life.signal.aborted && this.#socket.readyState === OPEN && this.#socket.bufferedAmount >= bytes) {
      await sleep(this.#clock, look, this.#life.signal).catch(() => {});
      const moves = this.#socket.bufferedAmount < before;
      before = this.#socket.bufferedAmount;
      look = moves ? firstLook : Math.min(2 * look, slowLook);
    }
  }

  async close() {
    if (this.#error || this.#ended) return;
    this.#closing = true;
    this.#drop();
    this.#ended = true;
    this.#wake();
    const over = aborted(this.#life.signal);
    await this.#within(flushTimeout, Promise.race([this.#drained(1), over]));
    this.#socket.close(codeNormal);
    await this.#within(goodbyeTimeout, over);
  }

  /**
   * Waits for something, and aborts when it takes more than ms.
   *
   * @param {number} ms
   * @param {Promise<void>} something that ends with the socket
   */
  async #within(ms, something) {
    const timer = this.#clock.setTimeout(() => this.abort(), ms);
    await something;
    this.#clock.clearTimeout(timer);
  }

  abort(code = codeNormal) {
    this.#fail("the connection was cut", code);
  }

  /**
   * @param {string} why
   * @param {number} code
   */
  #fail(why, code) {
    if (this.#error) return;
    this.#error = new LegError(why);
    this.#release();
    this.#drop();
    this.#reader?.reject(this.#error);
    this.#reader = null;
    this.#reject(this.#error);
    this.#socket.close(code);
  }

  /** Drops what was received. */
  #drop() {
    this.#queue.add(-this.#inbox.size());
    this.#inbox.clear();
  }

  /** Lets go of the socket. */
  #release() {
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#life.abort();
  }
}
