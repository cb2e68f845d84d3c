// Bytes as a hex dump, and typed hex as bytes.

/**
 * A dump with offset, hex and ASCII columns.
 * @param {Uint8Array} bytes
 * @param {number} columns bytes per line: 16 where there is room, 8 on a phone
 */
export function hexDump(bytes, columns) {
  const lines = [];
  for (let offset = 0; offset < bytes.length; offset += columns) {
    lines.push(dumpLine(bytes.subarray(offset, offset + columns), offset, columns));
  }
  return lines.join("\n");
}

function dumpLine(row, offset, columns) {
  const digits = Array.from(row, (byte) => byte.toString(16).padStart(2, "0"));
  while (digits.length < columns) digits.push("  ");
  if (columns > 8) digits[7] += " ";
  const ascii = Array.from(row, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
  ).join("");
  const address = offset.toString(16).padStart(columns > 8 ? 8 : 4, "0");
  return `${address}  ${digits.join(" ")}  ${ascii}`;
}

/**
 * Reads hex digits; white space, commas, colons and `0x` between bytes are ignored.
 * @throws {Error} whose message says in plain words what is wrong
 */
export function parseHex(text) {
  const digits = text.replace(/0x/gi, "").replace(/[\s,:]+/g, "");
  const wrong = digits.match(/[^0-9a-f]/i);
  if (wrong) throw new Error(`“${wrong[0]}” is not a hex digit: use 0–9 and a–f.`);
  if (digits.length === 0) throw new Error("Type at least one byte, such as 48 69.");
  if (digits.length % 2 !== 0) {
    throw new Error("A byte has two hex digits, and the last one here has only one.");
  }
  return Uint8Array.from(digits.match(/../g), (pair) => Number.parseInt(pair, 16));
}
