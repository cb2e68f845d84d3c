// A small chart of two rates over the last minutes: an SVG drawn at the size it has, so that lines
// are crisp at every pixel ratio. A pointer or the arrow keys read single values.

import { setText, svg } from "./dom.js";
import { clockSeconds } from "./format.js";

/** The chart begins with a short span and widens as samples come in; seconds, and those of a label. */
const SPANS = [[60, 15], [120, 30], [300, 60]];

/** What the chart spans at most. */
export const SPAN_MS = 300_000;

/** A longer silence than this leaves a gap in the lines. */
const GAP_MS = 3_500;

const MARGIN = { top: 10, right: 10, bottom: 24, left: 58 };
const ROWS = 4;

/**
 * @typedef {{ time: number, in: number, out: number }} Sample
 *
 * @typedef {object} ChartParts
 * @property {SVGElement} image focusable, role=img
 * @property {HTMLElement} readIn the value of “in” at the cursor, or now
 * @property {HTMLElement} readOut
 * @property {HTMLElement} readTime
 * @property {HTMLElement} summary a sentence for those who do not see the chart
 */

export class Chart {
  #parts;
  /** @type {Sample[]} */
  #samples = [];
  #format = String;
  #base = 1000;
  #cursor = null;
  #size = { width: 0, height: 0 };

  /** @param {ChartParts} parts */
  constructor(parts) {
    this.#parts = parts;
    new ResizeObserver(([{ contentRect: { width, height } }]) => {
      this.#size = { width, height };
      this.#draw();
    }).observe(parts.image.parentElement);
    parts.image.addEventListener("pointermove", (event) => this.#pointAt(event));
    parts.image.addEventListener("pointerleave", () => this.#setCursor(null));
    parts.image.addEventListener("blur", () => this.#setCursor(null));
    parts.image.addEventListener("keydown", (event) => this.#stepCursor(event));
  }

  /**
   * @param {Sample[]} samples oldest first
   * @param {(value: number) => string} format for axis and read-out
   */
  show(samples, format) {
    this.#samples = samples;
    this.#format = format;
    if (this.#cursor !== null && !samples.some(({ time }) => time === this.#cursor)) {
      this.#cursor = null;
    }
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#size;
    const { image } = this.#parts;
    if (width < 100 || height < 60) return;
    image.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const end = this.#samples.at(-1)?.time ?? Date.now();
    const top = niceTop(Math.max(0, ...this.#samples.flatMap((s) => [s.in, s.out])));
    const plot = { width: width - MARGIN.left - MARGIN.right,
      height: height - MARGIN.top - MARGIN.bottom };
    const scale = {
      x: (time) => MARGIN.left + plot.width * (1 - (end - time) / this.#span()[0] / 1000),
      y: (value) => MARGIN.top + plot.height * (1 - value / top),
    };
    image.replaceChildren(
      ...this.#grid(scale, top, width),
      ...this.#timeAxis(scale, end, height),
      ...this.#lines(scale, "out", true),
      ...this.#lines(scale, "in", false),
      ...this.#cursorMarks(scale, height),
    );
    this.#readOut();
  }

  #grid(scale, top, width) {
    return Array.from({ length: ROWS + 1 }, (_, row) => (top * row) / ROWS).flatMap((value) => {
      const y = Math.round(scale.y(value)) + 0.5;
      const label = svg("text", { class: "chart-label", x: MARGIN.left - 8, y: y + 4,
        "text-anchor": "end" });
      label.textContent = this.#format(value);
      return [
        svg("line", { class: value === 0 ? "chart-base" : "chart-grid", x1: MARGIN.left,
          x2: width - MARGIN.right, y1: y, y2: y }),
        label,
      ];
    });
  }

  #timeAxis(scale, end, height) {
    const [span, step] = this.#span();
    const spacing = this.#size.width < 420 ? step * 2 : step;
    const labels = [];
    for (let ago = 0; ago <= span; ago += spacing) {
      const label = svg("text", { class: "chart-label", x: scale.x(end - ago * 1000),
        y: height - 6, "text-anchor": ago === 0 ? "end" : "middle" });
      label.textContent = ago === 0 ? "now" : agoText(ago);
      labels.push(label);
    }
    return labels;
  }

  /** The shortest span that shows all samples. */
  #span() {
    const seconds = ((this.#samples.at(-1)?.time ?? 0) - (this.#samples[0]?.time ?? 0)) / 1000;
    return SPANS.find(([span]) => seconds <= span) ?? SPANS.at(-1);
  }

  #lines(scale, series, filled) {
    return runs(this.#samples).flatMap((run) => {
      const points = run.map((s) => `${round(scale.x(s.time))},${round(scale.y(s[series]))}`);
      const line = svg("polyline", { class: `chart-line chart-${series}`, points: points.join(" ") });
      if (!filled) return [line];
      const [first, last] = [run[0].time, run.at(-1).time].map((time) => round(scale.x(time)));
      const base = round(scale.y(0));
      const area = `${first},${base} ${points.join(" ")} ${last},${base}`;
      return [svg("polygon", { class: `chart-area chart-${series}`, points: area }), line];
    });
  }

  #cursorMarks(scale, height) {
    const sample = this.#sampleAtCursor();
    if (!sample) return [];
    const x = round(scale.x(sample.time));
    return [
      svg("line", { class: "chart-cursor", x1: x, x2: x, y1: MARGIN.top,
        y2: height - MARGIN.bottom }),
      svg("circle", { class: "chart-dot chart-out", cx: x, cy: scale.y(sample.out), r: 4 }),
      svg("circle", { class: "chart-dot chart-in", cx: x, cy: scale.y(sample.in), r: 4 }),
    ];
  }

  #sampleAtCursor() {
    return this.#samples.find(({ time }) => time === this.#cursor) ?? null;
  }

  #readOut() {
    const { readIn, readOut, readTime } = this.#parts;
    const sample = this.#sampleAtCursor() ?? this.#samples.at(-1);
    setText(readIn, sample ? `${this.#format(sample.in)}/s` : "–");
    setText(readOut, sample ? `${this.#format(sample.out)}/s` : "–");
    setText(readTime, this.#cursor === null ? "now" : clockSeconds(this.#cursor));
  }

  /** For those who do not see it; to be called now and then, not with every sample. */
  describe(what) {
    if (this.#samples.length === 0) return;
    const last = this.#samples.at(-1);
    const peak = (series) => this.#format(Math.max(...this.#samples.map((s) => s[series])));
    const now = (series) => this.#format(last[series]);
    this.#parts.image.setAttribute("aria-label",
      `${what} over the last minutes: in, now ${now("in")} per second, at most ${peak("in")}; ` +
      `out, now ${now("out")} per second, at most ${peak("out")}.`);
  }

  #pointAt(event) {
    const box = this.#parts.image.getBoundingClientRect();
    const share = (event.clientX - box.left - MARGIN.left)
      / (box.width - MARGIN.left - MARGIN.right);
    const end = this.#samples.at(-1)?.time;
    if (end === undefined) return;
    const time = end - (1 - share) * this.#span()[0] * 1000;
    const distance = (sample) => Math.abs(sample.time - time);
    const nearest = this.#samples.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    this.#setCursor(nearest.time);
  }

  #stepCursor(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
    const last = this.#samples.length - 1;
    if (last < 0) return;
    if (event.key === "Escape") return this.#setCursor(null);
    const present = this.#samples.findIndex(({ time }) => time === this.#cursor);
    const from = present === -1 ? last : present;
    const to = event.key === "Home" ? 0 : event.key === "End" ? last : from + steps[event.key];
    if (Number.isNaN(to)) return;
    event.preventDefault();
    this.#setCursor(this.#samples[Math.min(last, Math.max(0, to))].time);
    const { readIn, readOut, readTime, summary } = this.#parts;
    setText(summary, `${readTime.textContent}: in ${readIn.textContent}, out ${readOut.textContent}`);
  }

  #setCursor(time) {
    if (time === this.#cursor) return;
    this.#cursor = time;
    this.#draw();
  }
}

/** Samples without a gap between them belong to one line. */
function runs(samples) {
  const found = [];
  for (const [at, sample] of samples.entries()) {
    if (at === 0 || sample.time - samples[at - 1].time > GAP_MS) found.push([]);
    found.at(-1).push(sample);
  }
  return found;
}

/** The top of the scale: four steps of a round number times a power of ten. */
function niceTop(peak) {
  if (peak <= 0) return ROWS;
  const step = peak / ROWS;
  const power = 10 ** Math.floor(Math.log10(step));
  const factor = [1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10].find((f) => f * power >= step);
  return Math.max(factor * power, 0.5) * ROWS;
}

function agoText(seconds) {
  return seconds % 60 === 0 ? `−${seconds / 60} min` : `−${seconds} s`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
