// A WebSocket as one end of a pair. It cannot be told to stop: what comes waits in
// an inbox, counted in the queue of the pair, and a pair whose queue is over the
// bound is closed. What goes out waits while the browser still has more than
// highWater bytes of ours (bufferedAmount).
//
// WebSocketStream could be told to stop, but as Chromium has it (150 and 156 tried)
// the whole page crashes when a connection ends while a write waits for a slow
// peer, and when a peer closes, up to 112 KiB are lost that nobody has asked for yet.

import { formatAddress } from "./address.js";
import { aborted, sleep } from "./clock.js";
import { createInbox } from "./inbox.js";
import {
  codeGone, codeNormal, codePolicy, codeTooBig, codeUnsupported, flushTimeout, goodbyeTimeout, highWater, LegError,
  maxReceived,
} from "./leg.js";

/** @typedef {import("./address.js").Address} Address */
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
 * What a leg is made of.
 *
 * @typedef {object} LegEnv
 * @property {any} WebSocket the class
 * @property {Clock} clock
 */

/**
 * Opens a leg. Rejects with a LegError, or with the signal's reason; the signal
 * ends the opening only.
 *
 * @param {LegEnv} env
 * @param {string} outer "websocket" or "wss"
 * @param {Address} address
 * @param {Queue} queue that of the pair
 * @param {AbortSignal} signal
 * @returns {Promise<Leg>}
 */
export async function openLeg({ WebSocket, clock }, outer, address, queue, signal) {
  signal.throwIfAborted();
  /** @type {WebSocket} */
  let socket;
  try {
    socket = new WebSocket(`${outer === "wss" ? "wss" : "ws"}://${formatAddress(address)}/`);
  } catch {
    throw new LegError("the browser does not allow this connection");
  }
  socket.binaryType = "arraybuffer";
  const leg = new WebSocketLeg(clock, socket, queue);
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
class WebSocketLeg {
  #clock;
  #socket;
  #queue;
  #inbox;
  /** @type {LegError | null} */
  #error = null;
  #ended = false; // cleanly, by the peer or by close
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
    this.#inbox = createInbox((n) => queue.add(-n));
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
    if (this.#ended) return; // it is being closed
    if (typeof data === "string") return this.#fail("a text message", codeUnsupported);
    const bytes = new Uint8Array(/** @type {ArrayBuffer} */ (data));
    if (bytes.byteLength > maxReceived) return this.#fail("too large a message", codeTooBig);
    if (!this.#queue.add(bytes.byteLength)) return this.#fail("more came than the other side takes", codePolicy);
    this.#inbox.put(bytes);
  }

  /** @param {boolean} clean */
  #closed(clean) {
    if (!clean) return this.#fail("the connection broke", codeGone);
    this.#ended = true;
    this.#release();
    this.#inbox.end();
  }

  /** @returns {Promise<Bytes | null>} */
  read() {
    return this.#inbox.read();
  }

  /** @param {Bytes} bytes */
  async write(bytes) {
    await this.#drained(highWater);
    if (this.#error) throw this.#error;
    if (this.#ended || this.#socket.readyState !== OPEN) throw new LegError("the connection is closed");
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
    this.#ended = true;
    this.#inbox.clear();
    this.#inbox.end();
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
    this.#inbox.fail(this.#error);
    this.#reject(this.#error);
    this.#socket.close(code);
  }

  /** Lets go of the socket. */
  #release() {
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#life.abort();
  }
}
