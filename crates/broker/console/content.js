// What a message held, kept to a bound, and how it looks: text, JSON, hex, or the wire itself.

import { el } from "./dom.js";
import { count, exactBytes } from "./format.js";
import { hexDump } from "./hex.js";
import { byteLength, decode, headOfBytes, headOfText } from "./utf8.js";

/** The log keeps this much of every content, and says so where there was more. */
export const KEPT_BYTES_MAX = 64 * 1024;

/** What is shown before “Show all”. */
const PREVIEW_CHARACTERS = 700;
const PREVIEW_LINES = 14;
const PREVIEW_HEX_BYTES = 128;

/** Control characters that a text message hardly ever has: their presence says “binary”. */
const BINARY_CONTROLS = /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/;

/**
 * @typedef {{ form: "text", text: string, size: number, kept: number }
 *   | { form: "binary", bytes: Uint8Array, size: number, kept: number }
 *   | { form: "wire", text: string, size: number, kept: number }} Content
 */

/** @returns {Content} */
export function textContent(text) {
  const size = byteLength(text);
  if (size <= KEPT_BYTES_MAX) return { form: "text", text, size, kept: size };
  const head = headOfText(text, KEPT_BYTES_MAX);
  return { form: "text", text: head, size, kept: byteLength(head) };
}

/** @returns {Content} from the first bytes of something `size` bytes long */
export function binaryContent(bytes, size = bytes.length) {
  const kept = bytes.slice(0, KEPT_BYTES_MAX);
  return { form: "binary", bytes: kept, size, kept: kept.length };
}

/** A frame's body: text where it reads as text, else binary. @returns {Content} */
export function bodyContent(bytes) {
  const head = headOfBytes(bytes, KEPT_BYTES_MAX);
  const text = decode(head);
  if (text === null || BINARY_CONTROLS.test(text)) return binaryContent(bytes);
  return { form: "text", text, size: bytes.length, kept: head.length };
}

/** Octets exactly as they were on the wire, controls made visible. @returns {Content} */
export function wireContent(bytes) {
  const head = headOfBytes(bytes, KEPT_BYTES_MAX);
  return { form: "wire", text: wireText(head), size: bytes.length, kept: head.length };
}

/** Control characters become their pictures (␀ ␊ ␍); octets that are not UTF-8 become ‹ff›. */
function wireText(bytes) {
  const text = decode(bytes) ?? Array.from(bytes, asciiOrHex).join("");
  return text.replace(/[\u0000-\u001f\u007f]/g, (control) => {
    if (control === "\n") return "␊\n";
    if (control === "\u007f") return "␡";
    return String.fromCharCode(0x2400 + control.charCodeAt(0));
  });
}

function asciiOrHex(byte) {
  return byte < 0x80 ? String.fromCharCode(byte) : `‹${byte.toString(16)}›`;
}

/**
 * @param {Content} content
 * @param {{ pretty: boolean, hexColumns: number, expanded: boolean }} view
 * @returns {{ node: Node, more: boolean }} `more` where a preview leaves something out
 */
export function renderContent(content, view) {
  const full = contentText(content, view);
  const preview = view.expanded ? full : previewOf(content, full, view);
  const node = el("pre", { class: `content content-${content.form}` });
  if (content.form === "wire") markControls(node, preview);
  else node.textContent = preview;
  return { node, more: preview.length < full.length };
}

/** The content as text, whole as far as it was kept: for display, for copying and for the filter. */
export function contentText(content, view) {
  if (content.form === "binary") return hexDump(content.bytes, view.hexColumns);
  if (content.form === "text" && view.pretty) return prettyJson(content) ?? content.text;
  return content.text;
}

/** A sentence about what was not kept, or `null`. */
export function keptNote(content) {
  if (content.kept >= content.size) return null;
  return `The first ${count(content.kept / 1024)} KiB of ${exactBytes(content.size)} were kept.`;
}

function previewOf(content, full, view) {
  if (content.form === "binary") {
    if (content.bytes.length <= PREVIEW_HEX_BYTES * 2) return full;
    return hexDump(content.bytes.subarray(0, PREVIEW_HEX_BYTES), view.hexColumns);
  }
  if (full.length <= PREVIEW_CHARACTERS && full.split("\n").length <= PREVIEW_LINES + 2) return full;
  const lines = full.slice(0, PREVIEW_CHARACTERS).split("\n").slice(0, PREVIEW_LINES);
  return lines.join("\n");
}

function prettyJson({ text, size, kept }) {
  if (kept < size || !/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

/**
 * Sets controls apart from characters that were really sent. Few fonts draw the pictures legibly,
 * so the eye gets ↵ and the caret notation (^@ is NUL); the clipboard gets the pictures.
 */
function markControls(node, text) {
  for (const [piece] of text.matchAll(/[␀-␡]|‹[0-9a-f]{2}›|[^␀-␡‹]+|‹/g)) {
    if (piece === "␊") node.append(el("span", { class: "control line-end", text: "↵" }));
    else if (/^[␀-␡]$/.test(piece)) node.append(el("span", { class: "control", text: caret(piece) }));
    else if (/^‹..›$/.test(piece)) node.append(el("span", { class: "control", text: piece }));
    else node.append(piece);
  }
}

/** ␀ → ^@, ␍ → ^M. */
function caret(picture) {
  if (picture === "␡") return "^?";
  return `^${String.fromCharCode(picture.charCodeAt(0) - 0x2400 + 0x40)}`;
}
