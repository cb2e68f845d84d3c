// The log of both protocol views: a bounded list with filter, pause, copy, expand and a tail that
// follows only while the reader is at its end. What an entry shows is for its owner to say.

import { renderContent, contentText, keptNote } from "./content.js";
import { el, icon, setText } from "./dom.js";
import { clock, count, exactBytes } from "./format.js";

/** Older entries leave when there are more. */
export const ENTRIES_MAX = 1000;

/** Above this many new entries in one go, a screen reader is not told each one. */
const ANNOUNCED_MAX = 3;

/** When a draw had this many entries, the next ones wait and are drawn together. */
const BUSY_ENTRIES = 5;
const BUSY_MS = 120;

/** How near the end counts as “at the end”, in px. */
const END_SLACK = 32;

/**
 * @typedef {object} Entry
 * @property {number} time
 * @property {"in" | "out" | "event"} direction
 * @property {string} label the kind, in one word: message, close, MESSAGE …
 * @property {string} [kind] for the kind filter, where the direction does not say enough
 * @property {"error" | "warning" | "good"} [tone]
 * @property {number} [size] in bytes
 * @property {(string | Node)[]} [title] the first line
 * @property {[string, string][]} [fields] names and values below it
 * @property {string} [note] a remark for people
 * @property {import("./content.js").Content} [content]
 * @property {import("./content.js").Content} [wire] the same, as it was on the wire
 */

/**
 * @typedef {object} LogOptions
 * @property {string} prefix of every id in here
 * @property {[string, string][]} kinds value and label of the kind filter
 * @property {(entry: Entry, kind: string) => boolean} matchesKind
 * @property {Node[]} empty what stands there before anything happened
 * @property {boolean} [wire] whether there is a “wire” switch
 * @property {(entry: Entry) => boolean} [accepts] a further filter of the owner's
 * @property {Record<string, number>} [kindLimits] own, lower bounds for some kinds
 * @property {HTMLElement[]} [tools] further controls of the owner's
 */

export class Log {
  #options;
  #entries = [];
  #nodes = new Map();
  #pending = [];
  #held = [];
  #expanded = new WeakSet();
  #drawScheduled = false;
  #busy = false;
  #paused = false;
  #missed = 0;
  #view = { pretty: true, wire: false, kind: "all", text: "", hexColumns: 16 };
  #parts;

  /** @param {HTMLElement} pane @param {LogOptions} options */
  constructor(pane, options) {
    this.#options = options;
    this.#parts = buildParts(options);
    const { toolbar, body, footer } = this.#parts;
    pane.append(toolbar, body, footer);
    this.#listen();
    this.#fitHexToWidth(pane);
    this.#showCounts();
  }

  /** @param {Entry} entry */
  add(entry) {
    if (this.#paused) {
      this.#held.push(entry);
      if (this.#held.length > ENTRIES_MAX) this.#held.shift();
      this.#showCounts();
      return;
    }
    this.#pending.push(entry);
    if (this.#pending.length > ENTRIES_MAX) this.#pending.shift();
    this.#scheduleDraw();
  }

  /** Draws an entry again, after its content arrived late. */
  refresh(entry) {
    const node = this.#nodes.get(entry);
    if (!node) return;
    this.#keepEnd(() => {
      const fresh = this.#render(entry);
      this.#nodes.set(entry, fresh);
      node.replaceWith(fresh);
    });
  }

  /** Applies the owner's filter again. */
  refilter() {
    this.#drawAll();
  }

  clear() {
    this.#entries = [];
    this.#pending = [];
    this.#held = [];
    this.#drawAll();
  }

  #listen() {
    const { filter, kind, pretty, wire, pause, clear, jump, scroller } = this.#parts;
    let typing;
    filter.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.#setView({ text: filter.value.trim().toLowerCase() }), 120);
    });
    kind.addEventListener("change", () => this.#setView({ kind: kind.value }));
    pretty.addEventListener("change", () => this.#setView({ pretty: pretty.checked }));
    wire?.addEventListener("change", () => this.#setView({ wire: wire.checked }));
    pause.addEventListener("click", () => this.#setPaused(!this.#paused));
    clear.addEventListener("click", () => this.clear());
    jump.addEventListener("click", () => this.#scrollToEnd());
    scroller.addEventListener("scroll", () => {
      if (this.#atEnd()) this.#setMissed(0);
    });
  }

  #setView(change) {
    Object.assign(this.#view, change);
    this.#drawAll();
  }

  #setPaused(paused) {
    this.#paused = paused;
    const { pause, pauseText } = this.#parts;
    pause.setAttribute("aria-pressed", String(paused));
    pauseText.textContent = paused ? "Resume" : "Pause";
    pause.querySelector("use").setAttribute("href", paused ? "#icon-play" : "#icon-pause");
    if (!paused) for (const entry of this.#held.splice(0)) this.add(entry);
    this.#showCounts();
  }

  /** A phone has room for 8 bytes per line of hex, a desk for 16. */
  #fitHexToWidth(pane) {
    new ResizeObserver(([{ contentRect }]) => {
      const hexColumns = contentRect.width > 0 && contentRect.width < 720 ? 8 : 16;
      if (contentRect.width > 0 && hexColumns !== this.#view.hexColumns) {
        this.#setView({ hexColumns });
      }
    }).observe(pane);
  }

  #scheduleDraw() {
    if (this.#drawScheduled) return;
    this.#drawScheduled = true;
    setTimeout(() => {
      this.#drawScheduled = false;
      this.#busy = this.#pending.length > BUSY_ENTRIES;
      this.#drawPending();
    }, this.#busy ? BUSY_MS : 0);
  }

  #drawPending() {
    const fresh = this.#pending.splice(0);
    const { scroller, list } = this.#parts;
    scroller.setAttribute("aria-live", fresh.length > ANNOUNCED_MAX ? "off" : "polite");
    const followed = this.#keepEnd(() => {
      for (const entry of fresh) {
        this.#entries.push(entry);
        if (!this.#isVisible(entry)) continue;
        const node = this.#render(entry);
        this.#nodes.set(entry, node);
        list.append(node);
      }
      this.#dropOldest();
    });
    if (!followed) this.#setMissed(this.#missed + fresh.filter((e) => this.#isVisible(e)).length);
    this.#showCounts();
  }

  #dropOldest() {
    for (const [kind, limit] of Object.entries(this.#options.kindLimits ?? {})) {
      const those = this.#entries.filter((entry) => entry.kind === kind);
      for (const entry of those.slice(0, Math.max(0, those.length - limit))) this.#drop(entry);
    }
    while (this.#entries.length > ENTRIES_MAX) this.#drop(this.#entries[0]);
  }

  #drop(entry) {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    this.#nodes.get(entry)?.remove();
    this.#nodes.delete(entry);
  }

  #drawAll() {
    this.#keepEnd(() => {
      this.#nodes.clear();
      const visible = this.#entries.filter((entry) => this.#isVisible(entry));
      const nodes = visible.map((entry) => {
        const node = this.#render(entry);
        this.#nodes.set(entry, node);
        return node;
      });
      this.#parts.list.replaceChildren(...nodes);
    });
    this.#showCounts();
  }

  #isVisible(entry) {
    const { kind, text, wire } = this.#view;
    if (entry.wireOnly && !wire) return false;
    if (kind !== "all" && !this.#options.matchesKind(entry, kind)) return false;
    if (this.#options.accepts && !this.#options.accepts(entry)) return false;
    return text === "" || this.#textOf(entry).toLowerCase().includes(text);
  }

  #shownContent(entry) {
    return this.#view.wire && entry.wire ? entry.wire : entry.content;
  }

  /** Everything an entry says, for the filter and the clipboard. */
  #textOf(entry) {
    const content = this.#shownContent(entry);
    const head = (entry.title ?? []).map((part) => part.textContent ?? part).join(" ");
    const fields = (entry.fields ?? []).map(([name, value]) => `${name}: ${value}`);
    const described = this.#view.wire && entry.wire ? [] : [head, ...fields, entry.note];
    return [`${clock(entry.time)} ${arrow(entry.direction)} ${entry.label}`, ...described]
      .concat(content ? contentText(content, this.#view) : [])
      .filter(Boolean)
      .join("\n");
  }

  #render(entry) {
    const asWire = this.#view.wire && entry.wire;
    const body = el("div", { class: "entry-body" });
    if (!asWire && entry.title) body.append(el("p", { class: "entry-title" }, ...entry.title));
    if (!asWire && entry.fields?.length) body.append(renderFields(entry.fields));
    const content = this.#shownContent(entry);
    if (content && content.size > 0) this.#renderContent(body, entry, content);
    if (entry.note) body.append(el("p", { class: "entry-note", text: entry.note }));
    return el(
      "li",
      { class: "entry", "data-direction": entry.direction, "data-label": entry.label,
        "data-tone": entry.tone },
      el("time", { class: "entry-time", datetime: new Date(entry.time).toISOString(),
        text: clock(entry.time) }),
      el("span", { class: "entry-kind" },
        el("span", { class: "entry-arrow", "aria-hidden": "true", text: arrow(entry.direction) }),
        el("span", { class: "visually-hidden", text: directionWord(entry.direction) }),
        el("span", { class: "entry-label", text: entry.label })),
      body,
      el("span", { class: "entry-size", text: entry.size === undefined ? "" : exactBytes(entry.size) }),
      this.#copyButton(entry),
    );
  }

  #renderContent(body, entry, content) {
    const expanded = this.#expanded.has(entry);
    const { node, more } = renderContent(content, { ...this.#view, expanded });
    body.append(node);
    const note = keptNote(content);
    if (note && (expanded || !more)) body.append(el("p", { class: "entry-note", text: note }));
    if (!more && !expanded) return;
    const text = expanded ? "Show less" : "Show all";
    body.append(
      el("button", { type: "button", class: "button link entry-expand",
        "data-testid": `${this.#options.prefix}-log-expand`, "aria-expanded": String(expanded), text,
        on: { click: () => this.#toggleExpanded(entry) } }),
    );
  }

  #toggleExpanded(entry) {
    if (!this.#expanded.delete(entry)) this.#expanded.add(entry);
    const node = this.#render(entry);
    this.#nodes.get(entry).replaceWith(node);
    this.#nodes.set(entry, node);
    node.querySelector(".entry-expand")?.focus();
  }

  #copyButton(entry) {
    const button = el("button", { type: "button", class: "button icon-only entry-copy",
      "data-testid": `${this.#options.prefix}-log-copy`, "aria-label": "Copy entry", title: "Copy",
      on: { click: () => this.#copy(entry, button) } }, icon("copy"));
    return button;
  }

  async #copy(entry, button) {
    const copied = await writeClipboard(this.#textOf(entry));
    setText(this.#parts.announcement, copied ? "Entry copied" : "The browser refused to copy");
    button.replaceChildren(icon(copied ? "check" : "alert"));
    setTimeout(() => {
      button.replaceChildren(icon("copy"));
      setText(this.#parts.announcement, "");
    }, 1500);
  }

  /** Makes a change, and goes to the end again if the reader was there. */
  #keepEnd(change) {
    const follow = this.#atEnd();
    change();
    if (follow) this.#scrollToEnd();
    return follow;
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#parts.scroller;
    return scrollHeight - scrollTop - clientHeight < END_SLACK;
  }

  #scrollToEnd() {
    const { scroller } = this.#parts;
    scroller.scrollTop = scroller.scrollHeight;
    this.#setMissed(0);
  }

  #setMissed(missed) {
    this.#missed = missed;
    const { jump, jumpText } = this.#parts;
    jump.hidden = missed === 0;
    setText(jumpText, `${count(missed)} new`);
  }

  #showCounts() {
    const total = this.#entries.length;
    const shown = this.#nodes.size;
    const { counts, empty, nothing, list } = this.#parts;
    empty.hidden = total > 0;
    nothing.hidden = total === 0 || shown > 0;
    list.hidden = shown === 0;
    const entries = `${count(total)} ${total === 1 ? "entry" : "entries"}`;
    const filtered = shown < total ? `, ${count(shown)} shown` : "";
    const held = this.#paused ? ` · paused, ${count(this.#held.length)} held back` : "";
    setText(counts, `${entries}${filtered}${held}`);
  }
}

function buildParts({ prefix, kinds, empty, wire, tools = [] }) {
  const id = (name) => `${prefix}-log-${name}`;
  const parts = {
    filter: el("input", { type: "search", id: id("filter"), class: "input",
      placeholder: "Filter", "aria-label": "Filter the log by text", autocomplete: "off",
      spellcheck: "false" }),
    kind: el("select", { id: id("kind"), class: "input", "aria-label": "Show which entries" },
      ...kinds.map(([value, text]) => el("option", { value, text }))),
    pretty: el("input", { type: "checkbox", id: id("pretty"), checked: true }),
    wire: wire ? el("input", { type: "checkbox", id: id("wire"), role: "switch" }) : null,
    pauseText: el("span", { text: "Pause" }),
    clear: el("button", { type: "button", id: id("clear"), class: "button quiet" },
      icon("clear"), el("span", { text: "Clear" })),
    counts: el("span", { id: id("counts") }),
    list: el("ol", { class: "entries", id: id("entries") }),
    empty: el("div", { class: "empty", id: id("empty") }, ...empty),
    nothing: el("div", { class: "empty", hidden: true },
      el("p", { text: "No entry matches the filter." })),
    jumpText: el("span"),
    announcement: el("span", { class: "visually-hidden", role: "status" }),
  };
  parts.pause = el("button", { type: "button", id: id("pause"), class: "button quiet",
    "aria-pressed": "false" }, icon("pause"), parts.pauseText);
  parts.jump = el("button", { type: "button", id: id("jump"), class: "button jump", hidden: true },
    icon("down"), parts.jumpText);
  parts.scroller = el("div", { class: "log", id: id("scroller"), role: "log", tabindex: "0",
    "aria-label": "Log" }, parts.empty, parts.nothing, parts.list);
  parts.body = el("div", { class: "log-body" }, parts.scroller, parts.jump);
  parts.toolbar = el("div", { class: "log-toolbar", role: "group", "aria-label": "Log tools" },
    el("h2", { text: "Log" }), parts.filter, parts.kind, ...tools,
    el("div", { class: "log-switches" },
      parts.wire && el("label", { class: "check switch", for: id("wire"),
        title: "Frames exactly as they went over the wire" }, parts.wire, "Wire"),
      el("label", { class: "check", for: id("pretty"), title: "Indent JSON" },
        parts.pretty, "Pretty JSON")),
    el("div", { class: "log-buttons" }, parts.pause, parts.clear));
  parts.footer = el("div", { class: "log-footer" }, parts.counts,
    el("span", { text: `Keeps the last ${count(ENTRIES_MAX)} entries, 64 KiB of each` }),
    parts.announcement);
  return parts;
}

function renderFields(fields) {
  return el("dl", { class: "entry-fields" },
    ...fields.map(([name, value]) =>
      el("div", {}, el("dt", { text: name }), el("dd", { text: value === "" ? "(empty)" : value }))));
}

function arrow(direction) {
  return { in: "↓", out: "↑", event: "•" }[direction];
}

function directionWord(direction) {
  return { in: "received ", out: "sent ", event: "event " }[direction];
}

/** The clipboard API needs a secure context; elsewhere a selected text area does it. */
async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "visually-hidden", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    const focused = document.activeElement;
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return copied;
  }
}
