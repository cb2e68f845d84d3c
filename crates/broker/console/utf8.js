// Text and bytes: sizes in octets, and bounded copies that do not keep a large original alive.

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @returns {Uint8Array} */
export function encode(text) {
  return encoder.encode(text);
}

/** The text, or `null` where the bytes are not UTF-8. */
export function decode(bytes) {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return null;
  }
}

/** Octets of a text in UTF-8. */
export function byteLength(text) {
  return encoder.encode(text).length;
}

/**
 * The beginning of a text, at most `limit` octets, cut between characters. It goes through a
 * buffer: `slice` on a string may keep the whole original in memory.
 */
export function headOfText(text, limit) {
  const buffer = new Uint8Array(limit);
  const { written } = encoder.encodeInto(text, buffer);
  return strictDecoder.decode(buffer.subarray(0, written));
}

/** The longest prefix of `bytes` within `limit` that does not end inside a character. */
export function headOfBytes(bytes, limit) {
  if (bytes.length <= limit) return bytes;
  let end = limit;
  while (end > limit - 4 && end > 0 && (bytes[end] & 0xc0) === 0x80) end -= 1;
  return bytes.slice(0, end);
}
