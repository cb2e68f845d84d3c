// Assertions for what runs both in Node.js and in a page, where node:assert is not.

/** Fails unless both are the same value, or the same when written as JSON. */
export function same(actual, expected, what) {
  if (Object.is(actual, expected)) return;
  const [left, right] = [actual, expected].map((value) => JSON.stringify(value));
  if (left !== right || left === undefined) {
    throw new Error(`${what}: expected ${short(right)}, got ${short(left)}`);
  }
}

/** Fails unless `condition` holds. */
export function holds(condition, what) {
  if (!condition) throw new Error(`does not hold: ${what}`);
}

/** Fails unless both hold the same bytes. */
export function sameBytes(actual, expected, what) {
  same(actual.length, expected.length, `${what}: length`);
  const index = actual.findIndex((byte, index) => byte !== expected[index]);
  if (index !== -1) {
    throw new Error(`${what}: byte ${index} is ${actual[index]}, not ${expected[index]}`);
  }
}

function short(text = 'nothing') {
  return text.length <= 300 ? text : `${text.slice(0, 300)}… (${text.length} characters)`;
}
