// STOMP frames to bytes and back: versions 1.0, 1.1 and 1.2. No socket here.
// https://stomp.github.io/stomp-specification-1.2.html

import { decode, encode } from "./utf8.js";

/** No frame may grow beyond this while it is being collected. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;

/** A violation of the protocol; the message is meant for people. */
export class StompError extends Error {
  name = "StompError";
}

/**
 * @typedef {object} Frame
 * @property {string} command
 * @property {[string, string][]} headers in the order of the wire, decoded
 * @property {Uint8Array} body
 * @property {Uint8Array} raw the frame as it stood on the wire, its NUL included
 * @property {number} messages how many WebSocket messages it was spread over
 */

/** The value of a header; where one is repeated, the first counts. */
export function header(frame, name) {
  return frame.headers.find(([key]) => key === name)?.[1];
}

/**
 * Encodes a frame. A body brings its `content-length` in octets.
 * @param {"1.0" | "1.1" | "1.2"} version
 * @param {string} command
 * @param {[string, string][]} headers
 * @param {Uint8Array} [body]
 * @returns {Uint8Array}
 */
export function encodeFrame(version, command, headers, body = new Uint8Array()) {
  const lines = [command];
  // CONNECT and CONNECTED are never escaped, in any version.
  const rules = command === "CONNECT" || command === "CONNECTED" ? "1.0" : version;
  for (const [name, value] of headers) {
    lines.push(`${encodeName(name, rules)}:${encodeText(value, rules)}`);
  }
  if (body.length > 0) lines.push(`content-length:${body.length}`);
  const head = encode(`${lines.join("\n")}\n\n`);
  const bytes = new Uint8Array(head.length + body.length + 1);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

function encodeName(name, version) {
  if (name === "") throw new StompError("A header needs a name.");
  if (version === "1.0" && name.includes(":")) {
    throw new StompError(`The header name “${name}” has a colon, and STOMP 1.0 cannot escape it.`);
  }
  return encodeText(name, version);
}

function encodeText(text, version) {
  if (text.includes("\0")) throw new StompError("A header cannot hold a NUL.");
  if (version === "1.2") {
    return text
      .replaceAll("\\", "\\\\")
      .replaceAll("\r", "\\r")
      .replaceAll("\n", "\\n")
      .replaceAll(":", "\\c");
  }
  if (text.includes("\r")) {
    throw new StompError("A carriage return in a header needs STOMP 1.2.");
  }
  if (version === "1.1") {
    return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll(":", "\\c");
  }
  if (text.includes("\n")) throw new StompError("A header cannot hold a line break here.");
  return text;
}

/** One pass from left to right, so that `\\n` stays a backslash and an n. */
function decodeText(text, version) {
  if (version === "1.0") return text;
  return text.replace(/\\([\s\S]?)/g, (escape, character) => {
    if (character === "n") return "\n";
    if (character === "c") return ":";
    if (character === "\\") return "\\";
    if (character === "r" && version === "1.2") return "\r";
    throw new StompError(`The header escape “${escape}” does not exist in STOMP ${version}.`);
  });
}

/**
 * Collects WebSocket messages into frames. A frame may be spread over several messages, and one
 * message may hold several frames and heart-beats.
 */
export class FrameDecoder {
  /** Before CONNECTED nothing is escaped; its `version` decides what follows. */
  #version = "1.0";
  #buffer = new Uint8Array(4096);
  #length = 0;
  /** Where the search in an unfinished frame goes on. */
  #scanned = 0;
  /** The decoded head of an unfinished frame. */
  #head = null;
  #messages = 0;

  /**
   * Takes one WebSocket message and gives, in order, what it completed: frames, and `{ beat }` for
   * every run of EOLs between frames.
   * @param {string | ArrayBuffer} message
   * @returns {(Frame | { beat: Uint8Array })[]}
   * @throws {StompError}
   */
  push(message) {
    this.#append(typeof message === "string" ? encode(message) : new Uint8Array(message));
    this.#messages += 1;
    const items = [];
    for (let item = this.#next(); item; item = this.#next()) items.push(item);
    return items;
  }

  #next() {
    if (!this.#head) {
      const beat = this.#takeBetweenFrames();
      if (beat) return { beat };
      this.#head = this.#readHead();
    }
    return this.#head ? this.#takeFrame() : null;
  }

  /** EOLs before a frame; stray NULs are tolerated. A CR waits for its LF. */
  #takeBetweenFrames() {
    let end = 0;
    while (end < this.#length) {
      const byte = this.#buffer[end];
      const crlf = byte === CR && end + 1 < this.#length && this.#buffer[end + 1] === LF;
      if (byte !== LF && byte !== NUL && !crlf) break;
      end += 1;
    }
    return end > 0 ? this.#take(end) : null;
  }

  /** Command and headers, once their blank line has arrived. */
  #readHead() {
    const end = this.#findBlankLine();
    if (end === -1) return null;
    const text = decode(this.#buffer.subarray(0, end));
    if (text === null) throw new StompError("The headers of a frame are not UTF-8.");
    const [command, ...lines] = text.split("\n").map((line) => line.replace(/\r$/, ""));
    // The text ends with the EOL of the blank line: two empty pieces that are no headers.
    const headers = lines.slice(0, -2).map((line) => this.#readHeader(command, line));
    if (command === "CONNECTED") {
      this.#version = headers.find(([name]) => name === "version")?.[1] ?? "1.0";
    }
    return { command, headers, bodyStart: end, bodyLength: contentLength(headers) };
  }

  #findBlankLine() {
    for (let at = this.#scanned; at < this.#length; at += 1) {
      if (this.#buffer[at] !== LF) continue;
      const before = this.#buffer[at - 1] === CR ? at - 2 : at - 1;
      if (this.#buffer[before] === LF) {
        this.#scanned = at + 1;
        return at + 1;
      }
    }
    this.#scanned = this.#length;
    return -1;
  }

  #readHeader(command, line) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new StompError(`The header line “${line}” in ${command} has no name.`);
    const version = command === "CONNECTED" ? "1.0" : this.#version;
    const value = line.slice(colon + 1);
    return [
      decodeText(line.slice(0, colon), version),
      // The examples of STOMP 1.0 pad values with a space; later versions forbid trimming.
      version === "1.0" && command !== "CONNECTED" ? value.trimStart() : decodeText(value, version),
    ];
  }

  /** The whole frame, once its body and the NUL behind it have arrived. */
  #takeFrame() {
    const { command, headers, bodyStart, bodyLength } = this.#head;
    const bodyEnd = bodyLength === null ? this.#findNul() : bodyStart + bodyLength;
    if (bodyEnd === -1 || bodyEnd >= this.#length) return null;
    if (this.#buffer[bodyEnd] !== NUL) {
      throw new StompError(`No NUL stands behind the ${bodyLength} octets of a ${command} body.`);
    }
    const messages = this.#messages;
    const raw = this.#take(bodyEnd + 1);
    return { command, headers, body: raw.subarray(bodyStart, bodyEnd), raw, messages };
  }

  #findNul() {
    const found = this.#buffer.subarray(0, this.#length).indexOf(NUL, this.#scanned);
    this.#scanned = found === -1 ? this.#length : found;
    return found;
  }

  #append(bytes) {
    const length = this.#length + bytes.length;
    if (length > FRAME_BYTES_MAX) throw new StompError("A frame grew beyond 64 MiB.");
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  /** Removes and returns the first `count` octets, and starts afresh behind them. */
  #take(count) {
    const taken = this.#buffer.slice(0, count);
    this.#buffer.copyWithin(0, count, this.#length);
    this.#length -= count;
    this.#scanned = 0;
    this.#head = null;
    // What is left belongs to the message that is being read.
    this.#messages = this.#length > 0 ? 1 : 0;
    return taken;
  }
}

function contentLength(headers) {
  const value = headers.find(([name]) => name === "content-length")?.[1];
  if (value === undefined) return null;
  const length = Number(value);
  if (!/^\d+$/.test(value.trim()) || length > FRAME_BYTES_MAX) {
    throw new StompError(`The content-length “${value}” is not a usable number.`);
  }
  return length;
}
