// The server view: the figures that the server publishes about itself, a chart, and its destinations.

import { Chart, SPAN_MS } from "./chart.js";
import { byId, el, icon, setText } from "./dom.js";
import { bytes, count, duration, figure, scaledBytes } from "./format.js";
import { StatsFeed } from "./stats_feed.js";

/** Kinds of connections by the names the server gives them. An unknown one is shown by its name. */
const CONNECTION_KINDS = {
  stomp_websocket: "STOMP, WebSocket",
  stomp_tcp: "STOMP, TCP",
  echo: "Echo",
  http: "HTTP",
};

/** The spoken summary of the chart changes this often, in samples. */
const DESCRIBED_EVERY = 10;

/**
 * @param {{ watch: (destination: string) => void,
 *   credentials: () => { login?: string, passcode?: string } }} actions what a destination's button
 *   does, and who asks for the figures
 */
export function initServerView(actions) {
  const view = new ServerView(actions);
  return { setVisible: (visible) => view.setVisible(visible) };
}

class ServerView {
  #actions;
  #feed;
  #chart;
  #history = [];
  #destinations = [];
  #total = 0;
  #sort = { column: "subscribers", descending: true };
  #unit = "messages";
  #status = { state: "stopped" };
  #clock;

  constructor(actions) {
    this.#actions = actions;
    this.#feed = new StatsFeed(
      (stats) => this.#show(stats),
      (status) => this.#showStatus(status),
      actions.credentials,
    );
    this.#chart = new Chart({
      image: byId("server-chart"),
      readIn: byId("server-chart-in"),
      readOut: byId("server-chart-out"),
      readTime: byId("server-chart-time"),
      summary: byId("server-chart-summary"),
    });
    for (const radio of document.querySelectorAll('input[name="server-chart-unit"]')) {
      radio.addEventListener("change", () => this.#setUnit(radio.value));
    }
    for (const button of document.querySelectorAll("[data-sort]")) {
      button.addEventListener("click", () => this.#sortBy(button.dataset.sort));
    }
    byId("server-retry").addEventListener("click", () => this.#feed.retryNow());
    this.#showSort();
  }

  /** The connection lives while the view is looked at. */
  setVisible(visible) {
    clearInterval(this.#clock);
    if (visible) {
      this.#clock = setInterval(() => this.#showCountdown(), 500);
      this.#feed.start();
    } else if (this.#status.state !== "stopped") {
      this.#feed.stop();
    }
  }

  #showStatus(status) {
    this.#status = status;
    byId("server-status").dataset.state = status.state;
    byId("server-retry").hidden = !["waiting", "refused"].includes(status.state);
    byId("view-server").dataset.stale = String(status.state !== "live" && this.#history.length > 0);
    this.#showCountdown();
  }

  #showCountdown() {
    const { state, retryAt, reason } = this.#status;
    const again = this.#history.length > 0 ? "Reconnecting" : "Connecting";
    const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    const texts = {
      live: "Live",
      connecting: `${again} …`,
      waiting: `Reconnecting in ${seconds} s`,
      refused: `${reason}: fill in Login and Passcode of the STOMP view`,
      stopped: "Stopped",
    };
    setText(byId("server-status-text"), texts[state]);
  }

  #show(stats) {
    const { connections = {}, messages = {}, bytes: octets = {}, rates = {} } = stats;
    setText(byId("server-version"), stats.server ?? "–");
    setText(byId("server-uptime"), duration(stats.uptime_seconds ?? 0));
    this.#showConnections(connections);
    setText(byId("server-subscriptions"), figure(stats.subscriptions ?? 0));
    for (const way of ["in", "out"]) {
      setText(byId(`server-messages-${way}`), figure(rates[`messages_${way}`] ?? 0));
      setText(byId(`server-messages-${way}-total`), count(messages[way] ?? 0));
      const [number, unit] = scaledBytes(rates[`bytes_${way}`] ?? 0);
      setText(byId(`server-bytes-${way}`), number);
      setText(byId(`server-bytes-${way}-unit`), `${unit}/s`);
      setText(byId(`server-bytes-${way}-total`), bytes(octets[way] ?? 0));
    }
    this.#destinations = stats.destinations ?? [];
    this.#total = stats.destinations_total ?? this.#destinations.length;
    setText(byId("server-destinations-total"), count(this.#total));
    const most = Math.max(0, ...this.#destinations.map(({ subscribers }) => subscribers));
    setText(byId("server-destinations-most"), count(most));
    this.#showDestinations();
    this.#remember(stats.time ?? Date.now(), rates);
  }

  #showConnections(connections) {
    const kinds = Object.entries(connections);
    const sum = kinds.reduce((total, [, number]) => total + number, 0);
    setText(byId("server-connections"), figure(sum));
    const list = byId("server-connection-kinds");
    for (const [kind, number] of kinds) {
      let value = list.querySelector(`[data-kind="${CSS.escape(kind)}"]`);
      if (!value) {
        value = el("dd", { "data-kind": kind });
        list.append(el("div", {}, el("dt", { text: CONNECTION_KINDS[kind] ?? kind }), value));
      }
      setText(value, count(number));
    }
  }

  #remember(time, rates) {
    const last = this.#history.at(-1)?.time ?? 0;
    // A clock that was set back starts the chart afresh.
    if (time <= last) this.#history = [];
    this.#history.push({ time, rates });
    this.#history = this.#history.filter((sample) => time - sample.time <= SPAN_MS);
    this.#showPeaks();
    this.#showChart();
    if (this.#history.length % DESCRIBED_EVERY === 1) this.#describeChart();
  }

  /** The largest rates in the span of the chart. */
  #showPeaks() {
    for (const way of ["in", "out"]) {
      const peak = (name) => Math.max(...this.#history.map(({ rates }) => rates[name] ?? 0));
      setText(byId(`server-messages-${way}-peak`), `${figure(peak(`messages_${way}`))}/s`);
      setText(byId(`server-bytes-${way}-peak`), `${bytes(peak(`bytes_${way}`))}/s`);
    }
  }

  #setUnit(unit) {
    this.#unit = unit;
    this.#showChart();
    this.#describeChart();
  }

  #showChart() {
    byId("server-chart-empty").hidden = this.#history.length > 1;
    const samples = this.#history.map(({ time, rates }) => ({
      time,
      in: rates[`${this.#unit}_in`] ?? 0,
      out: rates[`${this.#unit}_out`] ?? 0,
    }));
    this.#chart.show(samples, this.#unit === "bytes" ? bytes : figure);
  }

  #describeChart() {
    this.#chart.describe(this.#unit === "bytes" ? "Bytes" : "Messages");
  }

  #sortBy(column) {
    const { column: present, descending } = this.#sort;
    const again = column === present;
    this.#sort = { column, descending: again ? !descending : column === "subscribers" };
    this.#showSort();
    this.#showDestinations();
  }

  #showSort() {
    for (const button of document.querySelectorAll("[data-sort]")) {
      const sorted = button.dataset.sort === this.#sort.column;
      const order = this.#sort.descending ? "descending" : "ascending";
      button.closest("th").setAttribute("aria-sort", sorted ? order : "none");
    }
  }

  /** Rows are reused, so that the focus stays on a button while figures come in. */
  #showDestinations() {
    const { column, descending } = this.#sort;
    const rows = [...this.#destinations].sort((a, b) =>
      (descending ? -1 : 1) * compare(a[column], b[column])
      || compare(a.destination, b.destination));
    const body = byId("server-destinations");
    const most = Math.max(1, ...rows.map((row) => row.subscribers));
    while (body.rows.length > rows.length) body.deleteRow(-1);
    while (body.rows.length < rows.length) body.append(this.#destinationRow());
    for (const [at, { destination, subscribers }] of rows.entries()) {
      fillDestinationRow(body.rows[at], destination, subscribers, subscribers / most);
    }
    byId("server-destinations-table").hidden = rows.length === 0;
    byId("server-destinations-empty").hidden = rows.length > 0;
    const more = this.#total - rows.length;
    setText(byId("server-destinations-more"),
      more > 0 ? `The ${count(rows.length)} with the most subscribers; ${count(more)} more.` : "");
  }

  #destinationRow() {
    const watch = el("button", { type: "button", class: "button quiet icon-only",
      "data-testid": "server-destination-watch", title: "Subscribe in the STOMP view" },
    icon("arrow"));
    const row = el("tr", {},
      el("td", { class: "destination-name" }, el("span", { class: "destination-bar" }), el("code")),
      el("td", { class: "destination-count" }, el("b")),
      el("td", { class: "destination-watch" }, watch));
    watch.addEventListener("click", () => this.#actions.watch(row.dataset.destination));
    return row;
  }
}

function fillDestinationRow(row, destination, subscribers, share) {
  row.dataset.destination = destination;
  setText(row.querySelector("code"), destination);
  setText(row.querySelector("b"), count(subscribers));
  row.querySelector(".destination-bar").style.inlineSize = `${share * 100}%`;
  row.querySelector("button").setAttribute("aria-label", `Subscribe to ${destination}`);
}

function compare(a, b) {
  return typeof a === "number" ? a - b : String(a).localeCompare(String(b));
}
