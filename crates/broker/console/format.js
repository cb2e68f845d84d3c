// Numbers, sizes and times as people read them.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const threeDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** `1234567` → `1,234,567`. */
export function count(value) {
  return grouped.format(value);
}

/** `1` → `1 byte`, `1234` → `1,234 bytes`: exact, for the log. */
export function exactBytes(value) {
  return `${grouped.format(value)} ${value === 1 ? "byte" : "bytes"}`;
}

/** `1234567` → `1.23 MB`, in powers of 1000. */
export function bytes(value) {
  const [number, unit] = scaledBytes(value);
  return `${number} ${unit}`;
}

/** The same, as number and unit, for figures that set them in different sizes. */
export function scaledBytes(value) {
  return scale(value, ["B", "kB", "MB", "GB", "TB"], 1000);
}

/** A rate or total: exact up to 99,999, then `123 k`, `4.56 M`. */
export function figure(value) {
  if (value < 100 && !Number.isInteger(value)) return oneDecimal.format(value);
  if (value < 100_000) return grouped.format(value);
  return scale(value, ["", "k", "M", "G", "T"], 1000).join(" ");
}

function scale(value, units, base) {
  let unit = 0;
  while (value >= base * 0.9995 && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  return [unit === 0 ? oneDecimal.format(value) : threeDigits.format(value), units[unit]];
}

/** `Date.now()` → `15:04:05.123`, local time. */
export function clock(milliseconds) {
  return `${clockSeconds(milliseconds)}.${pad(new Date(milliseconds).getMilliseconds(), 3)}`;
}

/** `Date.now()` → `15:04:05`, local time. */
export function clockSeconds(milliseconds) {
  const date = new Date(milliseconds);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => pad(n, 2)).join(":");
}

/** Seconds → `2 d 3 h`, `3 h 12 min`, `12 min 5 s`, `12 s`: the two largest units. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3_600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first === -1) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(" ");
}

/** Milliseconds → `450 ms`, `10 s`, `1.5 s`. */
export function interval(milliseconds) {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  return `${oneDecimal.format(milliseconds / 1000)} s`;
}

function pad(number, width) {
  return String(number).padStart(width, "0");
}
