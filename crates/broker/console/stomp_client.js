// A STOMP session over one WebSocket: connect, subscribe, send, heart-beats, orderly end.
// It reports everything that happens to its handlers and keeps no log itself.

import { encodeFrame, FrameDecoder, header, StompError } from "./stomp_frame.js";
import { decode, encode } from "./utf8.js";

/** The subprotocol that stands for each version. */
const SUBPROTOCOLS = { "1.2": "v12.stomp", "1.1": "v11.stomp", "1.0": "v10.stomp" };

/** How long the server may take until CONNECTED. */
const CONNECT_MS_MAX = 10_000;

/** How long the server may take to answer DISCONNECT. */
const DISCONNECT_MS_MAX = 3_000;

/** Close codes of our own, out of the range for applications. */
const CLOSE_SILENT = 4000;
const CLOSE_CONFUSED = 4002;

const EOL = Uint8Array.of(0x0a);

/**
 * @typedef {object} StompOptions
 * @property {string} url
 * @property {("1.2" | "1.1" | "1.0")[]} versions highest first
 * @property {string} [login]
 * @property {string} [passcode]
 * @property {string} [host]
 * @property {[number, number]} heartBeat what we can send and what we want, in ms; 0 is none
 *
 * @typedef {object} StompHandlers all optional
 * @property {(state: StompState) => void} [onState]
 * @property {(session: StompSession) => void} [onConnected]
 * @property {(direction: "in" | "out", frame: import("./stomp_frame.js").Frame) => void} [onFrame]
 * @property {(direction: "in" | "out", raw: Uint8Array) => void} [onBeat]
 * @property {(message: string) => void} [onProblem] in plain words; the session ends after it
 * @property {(event: CloseEvent) => void} [onClose]
 *
 * @typedef {"connecting" | "connected" | "disconnecting" | "closed"} StompState
 * @typedef {{ version: string, session?: string, server?: string, subprotocol: string,
 *   beatOut: number, beatIn: number }} StompSession
 */

export class StompClient {
  #socket;
  #options;
  #handlers;
  #decoder = new FrameDecoder();
  #state = "connecting";
  #version = "1.0";
  #receipts = 0;
  #disconnectReceipt = null;
  #deadline;
  #beatTimer;
  #beatOut = 0;
  #silenceTimer;
  #receivedAt = 0;

  /**
   * Opens the socket at once.
   * @param {StompOptions} options
   * @param {StompHandlers} handlers
   * @throws {DOMException} what `new WebSocket` throws
   */
  constructor(options, handlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#socket = new WebSocket(options.url, options.versions.map((v) => SUBPROTOCOLS[v]));
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#sendConnect();
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onclose = (event) => this.#ended(event);
    this.#deadline = setTimeout(
      () => this.#fail(`No CONNECTED came within ${CONNECT_MS_MAX / 1000} s.`, CLOSE_SILENT),
      CONNECT_MS_MAX,
    );
  }

  get state() {
    return this.#state;
  }

  /** @throws {StompError} where a header cannot be written in this version */
  subscribe(destination, id) {
    this.#write("SUBSCRIBE", [
      ["id", id],
      ["destination", destination],
      ["ack", "auto"],
    ]);
  }

  unsubscribe(id) {
    this.#write("UNSUBSCRIBE", [["id", id]]);
  }

  /**
   * Sends a message, and returns the id of the receipt if one was asked for.
   * @param {{ destination: string, headers?: [string, string][], body?: string,
   *   receipt?: boolean }} message
   * @throws {StompError} where a header cannot be written in this version
   */
  send({ destination, headers = [], body = "", receipt = false }) {
    const receiptId = receipt ? this.#nextReceipt("send") : null;
    const receiptHeader = receiptId ? [["receipt", receiptId]] : [];
    this.#write("SEND", [["destination", destination], ...receiptHeader, ...headers], encode(body));
    return receiptId;
  }

  /** The orderly end: DISCONNECT, wait for its receipt, close. */
  disconnect() {
    if (this.#state === "connected") {
      this.#disconnectReceipt = this.#nextReceipt("disconnect");
      this.#write("DISCONNECT", [["receipt", this.#disconnectReceipt]]);
      // Nothing may follow a DISCONNECT, heart-beats included.
      this.#stopTimers();
      this.#setState("disconnecting");
      this.#deadline = setTimeout(() => this.#socket.close(), DISCONNECT_MS_MAX);
    } else {
      this.#socket.close();
    }
  }

  #sendConnect() {
    const { versions, login, passcode, host, heartBeat } = this.#options;
    const headers = [["accept-version", [...versions].reverse().join(",")]];
    headers.push(["host", host || new URL(this.#socket.url).hostname]);
    if (login) headers.push(["login", login]);
    if (passcode) headers.push(["passcode", passcode]);
    headers.push(["heart-beat", heartBeat.join(",")]);
    try {
      this.#write("CONNECT", headers);
    } catch (error) {
      this.#fail(error.message);
    }
  }

  #receive(data) {
    this.#receivedAt = Date.now();
    let items;
    try {
      items = this.#decoder.push(data);
    } catch (error) {
      if (!(error instanceof StompError)) throw error;
      this.#fail(error.message);
      return;
    }
    for (const item of items) {
      if (item.beat) this.#handlers.onBeat?.("in", item.beat);
      else this.#handleFrame(item);
    }
  }

  #handleFrame(frame) {
    this.#handlers.onFrame?.("in", frame);
    if (frame.command === "CONNECTED") this.#handleConnected(frame);
    else if (frame.command === "ERROR") this.#handleError(frame);
    else if (frame.command === "RECEIPT") this.#handleReceipt(frame);
    else if (frame.command !== "MESSAGE") this.#fail(`A server cannot send “${frame.command}”.`);
  }

  #handleConnected(frame) {
    const version = header(frame, "version") ?? "1.0";
    if (!this.#options.versions.includes(version)) {
      this.#fail(`The server chose STOMP ${version}, which was not offered.`);
      return;
    }
    clearTimeout(this.#deadline);
    this.#version = version;
    const [beatOut, beatIn] = this.#agreeHeartBeat(header(frame, "heart-beat"));
    this.#startHeartBeat(beatOut, beatIn);
    this.#setState("connected");
    this.#handlers.onConnected?.({
      version,
      session: header(frame, "session"),
      server: header(frame, "server"),
      subprotocol: this.#socket.protocol,
      beatOut,
      beatIn,
    });
  }

  #handleError(frame) {
    const text = header(frame, "message") || decode(frame.body) || "The server sent an ERROR.";
    this.#handlers.onProblem?.(text.trim());
    clearTimeout(this.#deadline);
    // A server closes after ERROR; one that does not is not waited for.
    this.#deadline = setTimeout(() => this.#socket.close(), DISCONNECT_MS_MAX);
  }

  #handleReceipt(frame) {
    if (this.#disconnectReceipt && header(frame, "receipt-id") === this.#disconnectReceipt) {
      this.#socket.close(1000);
    }
  }

  /** Each way, the larger of what one can send and the other wants; a zero on either side is none. */
  #agreeHeartBeat(value = "0,0") {
    const [serverOut, serverIn] = value.split(",").map(Number);
    const [clientOut, clientIn] = this.#options.heartBeat;
    return [
      clientOut && serverIn ? Math.max(clientOut, serverIn) : 0,
      clientIn && serverOut ? Math.max(clientIn, serverOut) : 0,
    ];
  }

  #startHeartBeat(beatOut, beatIn) {
    // A little early, so that a late timer still keeps the promise.
    this.#beatOut = beatOut - Math.min(beatOut / 10, 1000);
    this.#armBeat();
    if (beatIn > 0) {
      this.#silenceTimer = setInterval(() => {
        if (Date.now() - this.#receivedAt <= 2 * beatIn) return;
        const silence = `Nothing came from the server for ${2 * beatIn} ms, twice its heart-beat.`;
        this.#fail(silence, CLOSE_SILENT);
      }, Math.max(beatIn / 2, 100));
    }
  }

  /** Any frame that is sent counts as a beat, so each one starts the wait again. */
  #armBeat() {
    clearTimeout(this.#beatTimer);
    if (this.#beatOut > 0) this.#beatTimer = setTimeout(() => this.#sendBeat(), this.#beatOut);
  }

  #sendBeat() {
    this.#socket.send("\n");
    this.#handlers.onBeat?.("out", EOL);
    this.#armBeat();
  }

  #write(command, headers, body) {
    const raw = encodeFrame(this.#version, command, headers, body);
    this.#socket.send(decode(raw));
    if (this.#state === "connected") this.#armBeat();
    const frame = { command, headers, body: body ?? new Uint8Array(), raw, messages: 1 };
    this.#handlers.onFrame?.("out", frame);
  }

  #nextReceipt(what) {
    this.#receipts += 1;
    return `${what}-${this.#receipts}`;
  }

  #fail(message, code = CLOSE_CONFUSED) {
    if (this.#state === "closed") return;
    this.#handlers.onProblem?.(message);
    this.#socket.close(code);
    // The peer may be gone, and `close` would then wait for it for a long time.
    this.#ended(new CloseEvent("close", { code: 1006 }));
  }

  #ended(event) {
    if (this.#state === "closed") return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#stopTimers();
    this.#setState("closed");
    this.#handlers.onClose?.(event);
  }

  #stopTimers() {
    clearTimeout(this.#deadline);
    clearTimeout(this.#beatTimer);
    clearInterval(this.#silenceTimer);
    this.#beatOut = 0;
  }

  #setState(state) {
    this.#state = state;
    this.#handlers.onState?.(state);
  }
}
