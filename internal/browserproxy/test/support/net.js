// A network in memory: a WebSocket whose peers are in the hands of the test. What
// the page sends waits with the browser until the peer takes it; what the peer
// sends comes at once.

/** The other end of a connection. */
export class Peer {
  /** @param {string} url */
  constructor(url) {
    this.url = url;
    /** @type {Uint8Array[]} each message as it was taken */
    this.received = [];
    /** @type {Uint8Array[]} sent by the page and not taken yet */
    this.waiting = [];
    this.buffered = 0; // bytes in waiting
    this.peak = 0; // the most there ever were
    this.paused = false;
    this.taken = 0; // bytes in received
    /** @type {"connecting" | "open" | "closing" | "closed"} */
    this.state = "connecting";
    /** @type {number | null} the code that the page closed with, once it is known here */
    this.code = null;
    this.answersClose = true;
    /** @type {{opened(): void, message(data: Uint8Array | string): void, closed(clean: boolean): void}} */
    this.page = { opened() {}, message() {}, closed() {} };
  }

  accept() {
    this.state = "open";
    this.page.opened();
  }

  refuse() {
    this.state = "closed";
    this.page.closed(false);
  }

  /** @param {Uint8Array | string} data */
  send(data) {
    if (this.state === "open") this.page.message(data);
  }

  /** @param {Uint8Array} data */
  sendBytewise(data) {
    for (const b of data) this.send(Uint8Array.of(b));
  }

  /** Ends the connection with a goodbye. */
  close() {
    if (this.state !== "open") return;
    this.state = "closed";
    this.page.closed(true);
  }

  /** Ends the connection without one. */
  cut() {
    if (this.state === "closed") return;
    if (this.state === "connecting") return this.refuse();
    this.state = "closed";
    this.waiting = [];
    this.buffered = 0;
    this.page.closed(false);
  }

  pause() {
    this.paused = true;
  }

  resume() {
    this.paused = false;
    this.take(Infinity);
  }

  /**
   * Takes n of the bytes that wait.
   *
   * @param {number} n
   */
  take(n) {
    while (n > 0 && this.waiting.length > 0) {
      const first = /** @type {Uint8Array} */ (this.waiting[0]);
      const part = first.subarray(0, n);
      if (part.length === first.length) this.waiting.shift();
      else this.waiting[0] = first.subarray(part.length);
      this.received.push(part);
      this.taken += part.length;
      this.buffered -= part.length;
      n -= part.length;
    }
    this.finish();
  }

  /** All that was taken, in one piece. */
  bytes() {
    return new Uint8Array(Buffer.concat(this.received));
  }

  /**
   * The page sends.
   *
   * @param {Uint8Array} data
   */
  arrive(data) {
    this.waiting.push(data.slice()); // as a browser does: it may change later
    this.buffered += data.length;
    this.peak = Math.max(this.peak, this.buffered);
    if (!this.paused) this.take(Infinity);
  }

  /**
   * The page closes; the goodbye is behind what waits.
   *
   * @param {number} code
   */
  hangUp(code) {
    if (this.state === "closed" || this.state === "closing") return;
    if (this.state === "connecting") return this.refuse();
    this.code = code;
    this.state = "closing";
    this.finish();
  }

  finish() {
    if (this.state !== "closing" || this.buffered > 0 || !this.answersClose) return;
    this.state = "closed";
    this.page.closed(true);
  }
}

/**
 * What a test listens with: peers by URL, or for any URL.
 *
 * @param {(peer: Peer) => void} [onPeer] called for each connection; by default it is accepted
 */
export function fakeNet(onPeer = (peer) => peer.accept()) {
  /** @type {Peer[]} */
  const peers = [];
  /** @param {string} url */
  function dial(url) {
    const peer = new Peer(url);
    peers.push(peer);
    queueMicrotask(() => queueMicrotask(() => {
      if (peer.state === "connecting") onPeer(peer);
    }));
    return peer;
  }
  return {
    peers,
    /** @param {string} part */
    to: (part) => peers.filter((p) => p.url.includes(part)),
    open: () => peers.filter((p) => p.state !== "closed").length,
    WebSocket: webSocket(dial),
  };
}

/** @typedef {ReturnType<typeof fakeNet>} FakeNet */

/** @param {(url: string) => Peer} dial */
function webSocket(dial) {
  return class FakeWebSocket {
    #peer;
    #closing = false;

    /** @param {string} url */
    constructor(url) {
      this.binaryType = "blob";
      /** @type {(() => void) | null} */
      this.onopen = null;
      /** @type {((event: {data: unknown}) => void) | null} */
      this.onmessage = null;
      /** @type {((event: {wasClean: boolean}) => void) | null} */
      this.onclose = null;
      this.#peer = dial(url);
      this.#peer.page = {
        opened: () => this.onopen?.(),
        message: (data) => this.#message(data),
        closed: (wasClean) => this.onclose?.({ wasClean }),
      };
    }

    get readyState() {
      if (this.#closing && this.#peer.state !== "closed") return 2;
      return { connecting: 0, open: 1, closing: 2, closed: 3 }[this.#peer.state];
    }

    get bufferedAmount() {
      return this.#peer.buffered;
    }

    /** @param {Uint8Array | string} data */
    #message(data) {
      if (this.readyState !== 1) return;
      if (this.binaryType !== "arraybuffer") throw new Error("a Blob, which nobody wants");
      this.onmessage?.({ data: typeof data === "string" ? data : data.slice().buffer });
    }

    /** @param {Uint8Array} data */
    send(data) {
      if (this.readyState === 0) throw new Error("InvalidStateError");
      if (this.readyState === 1) this.#peer.arrive(data);
    }

    /** @param {number} [code] */
    close(code = 1005) {
      if (code !== 1005 && code !== 1000 && !(code >= 3000 && code <= 4999)) throw new Error("InvalidAccessError");
      this.#closing = true;
      this.#peer.hangUp(code);
    }
  };
}
