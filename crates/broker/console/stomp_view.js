// The STOMP view: a session with its subscriptions and messages, and a log of every frame.

import { explainRefusedUrl, socketUrl } from "./address.js";
import { closeCodeMeaning } from "./close_codes.js";
import { bodyContent, wireContent } from "./content.js";
import { byId, el, icon, setText } from "./dom.js";
import { clearError, clearErrorOnInput, rejectField, showError } from "./fields.js";
import { clock, count, duration, interval } from "./format.js";
import { Log } from "./log.js";
import { StompClient } from "./stomp_client.js";
import { header } from "./stomp_frame.js";

/** Heart-beats are many: they may take this many places in the log. */
const BEATS_LOGGED_MAX = 100;

/** Headers that have a field of their own in the form, or that the client computes. */
const OWN_FIELDS = ["destination", "content-type", "content-length", "receipt"];

/** Shown in a frame's first line rather than in its list of headers. */
const TITLE_HEADERS = ["destination", "subscription", "content-length"];

const STATES = {
  none: "not connected",
  connecting: "connecting …",
  connected: "connected",
  disconnecting: "disconnecting …",
  closed: "closed",
};

export function initStompView() {
  const view = new StompView();
  return {
    prepareSubscription: (destination) => view.prepareSubscription(destination),
    credentials: () => view.credentials(),
  };
}

class StompView {
  #client = null;
  #session = null;
  /** The living ones, by id. */
  #subscriptions = new Map();
  /** Destinations of all that this session had, by id: the log can still be filtered by them. */
  #known = new Map();
  #nextSubscription = 1;
  #lastBeat = { in: null, out: null };
  #receipts = new Map();
  #log;
  #onlySubscription = "";

  constructor() {
    byId("stomp-url").value = socketUrl("/ws");
    this.#log = this.#buildLog();
    this.#listen();
    this.#showState("none");
    this.#showSubscriptions();
    setInterval(() => this.#showLastBeat(), 1000);
  }

  /** Puts a destination into the subscribe form, for a link out of the server view. */
  prepareSubscription(destination) {
    byId("stomp-subscribe-destination").value = destination;
    byId(this.#client?.state === "connected" ? "stomp-subscribe" : "stomp-connect").focus();
  }

  /** Who the form says one is. */
  credentials() {
    return { login: byId("stomp-login").value, passcode: byId("stomp-passcode").value };
  }

  #buildLog() {
    const which = el("select", { id: "stomp-log-subscription", class: "input",
      "aria-label": "Show only this subscription" });
    which.addEventListener("change", () => this.#showOnly(which.value));
    return new Log(byId("stomp-log"), {
      prefix: "stomp",
      wire: true,
      tools: [which],
      kindLimits: { beat: BEATS_LOGGED_MAX },
      kinds: [["all", "All entries"], ["in", "Received"], ["out", "Sent"], ["MESSAGE", "MESSAGE"],
        ["RECEIPT", "RECEIPT"], ["ERROR", "ERROR"]],
      matchesKind: (entry, kind) => entry.direction === kind || entry.label === kind,
      accepts: (entry) =>
        this.#onlySubscription === "" || entry.subscription === this.#onlySubscription,
      empty: [
        el("p", { class: "empty-title", text: "No frames yet" }),
        el("p", {}, "Press ", el("b", { text: "Connect" }), ", then ",
          el("b", { text: "Subscribe" }), ", then ", el("b", { text: "Send" }),
          ": the broker hands your message to every subscriber of its destination, you included. ",
          "Turn on ", el("b", { text: "Wire" }), " to see each frame byte by byte."),
      ],
    });
  }

  #listen() {
    onSubmit("stomp-connect-form", () => this.#connect());
    onSubmit("stomp-subscribe-form", () => this.#subscribe());
    onSubmit("stomp-send-form", () => this.#send());
    byId("stomp-disconnect").addEventListener("click", () => this.#client?.disconnect());
    byId("stomp-header-add").addEventListener("click", () => addHeaderRow().focus());
    byId("stomp-body").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      byId("stomp-send-form").requestSubmit();
    });
    clearErrorOnInput(...["stomp-url", "stomp-beat-out", "stomp-beat-in",
      "stomp-versions", "stomp-subscribe-destination", "stomp-subscribe-id",
      "stomp-send-destination", "stomp-headers"].map(byId));
  }

  #connect() {
    const options = readConnectForm();
    if (!options) return;
    try {
      this.#client = new StompClient(options, this.#handlers());
    } catch (error) {
      rejectField(byId("stomp-url"), explainRefusedUrl(options.url, error));
      return;
    }
    this.#session = null;
    this.#lastBeat = { in: null, out: null };
    this.#subscriptions.clear();
    this.#known.clear();
    this.#receipts.clear();
    hideProblem();
    this.#showSubscriptions();
    this.#showState("connecting");
    this.#logEvent("connecting", { title: [el("code", { text: options.url })] });
  }

  #handlers() {
    return {
      onState: (state) => this.#showState(state),
      onConnected: (session) => this.#connected(session),
      onFrame: (direction, frame) => this.#frame(direction, frame),
      onBeat: (direction, raw) => this.#beat(direction, raw),
      onProblem: (message) => showProblem(message),
      onClose: (event) => this.#closed(event),
    };
  }

  #connected(session) {
    this.#session = session;
    this.#showState("connected");
  }

  #closed({ code, reason, wasClean }) {
    this.#logEvent("closed", {
      tone: wasClean ? undefined : "error",
      title: [el("b", { text: String(code) }), ` ${closeCodeMeaning(code)}`],
      fields: [["reason", reason], ["wasClean", String(wasClean)]],
    });
    if (!this.#session && byId("stomp-problem").hidden) {
      showProblem("The server could not be reached, or refused the connection.");
    }
    this.#subscriptions.clear();
    this.#showSubscriptions();
  }

  #frame(direction, frame) {
    const subscription = header(frame, "subscription")
      ?? (/SUBSCRIBE$/.test(frame.command) ? header(frame, "id") : undefined);
    if (frame.command === "MESSAGE") this.#countMessage(subscription);
    if (frame.command === "RECEIPT") this.#showReceipt(header(frame, "receipt-id"));
    this.#log.add({
      time: Date.now(),
      direction,
      label: frame.command,
      tone: { ERROR: "error", CONNECTED: "good" }[frame.command],
      subscription,
      size: frame.raw.length,
      title: frameTitle(frame, subscription),
      fields: frameFields(frame),
      content: bodyContent(frame.body),
      wire: wireContent(frame.raw),
      note: frame.messages > 1 ? `Came in ${frame.messages} WebSocket messages.` : undefined,
    });
  }

  #beat(direction, raw) {
    this.#lastBeat[direction] = Date.now();
    this.#showLastBeat();
    this.#log.add({ time: Date.now(), direction, label: "heart-beat", kind: "beat", wireOnly: true,
      size: raw.length, wire: wireContent(raw) });
  }

  #logEvent(label, rest) {
    this.#log.add({ time: Date.now(), direction: "event", label, ...rest });
  }

  #subscribe() {
    const [destination, id] = [byId("stomp-subscribe-destination"), byId("stomp-subscribe-id")];
    clearError(destination);
    clearError(id);
    if (!this.#isConnected(destination)) return;
    if (destination.value === "") return rejectField(destination, "Name a destination, such as /topic/hello.");
    const key = id.value.trim() || this.#freeId();
    if (this.#subscriptions.has(key)) {
      return rejectField(id, `“${key}” is in use: each subscription of a session has its own id.`);
    }
    try {
      this.#client.subscribe(destination.value, key);
    } catch (error) {
      return rejectField(destination, error.message);
    }
    this.#subscriptions.set(key, { destination: destination.value, messages: 0 });
    this.#known.set(key, destination.value);
    id.value = "";
    this.#showSubscriptions();
  }

  #freeId() {
    while (this.#subscriptions.has(`sub-${this.#nextSubscription}`)) this.#nextSubscription += 1;
    return `sub-${this.#nextSubscription++}`;
  }

  #unsubscribe(id) {
    this.#client.unsubscribe(id);
    this.#subscriptions.delete(id);
    this.#showSubscriptions();
    byId("stomp-subscribe-destination").focus();
  }

  #send() {
    const destination = byId("stomp-send-destination");
    clearError(destination);
    clearError(byId("stomp-headers"));
    if (!this.#isConnected(destination)) return;
    if (destination.value === "") return rejectField(destination, "Name a destination, such as /topic/hello.");
    const headers = readHeaders();
    if (!headers) return;
    const type = byId("stomp-content-type").value.trim();
    try {
      const receipt = this.#client.send({
        destination: destination.value,
        headers: type ? [["content-type", type], ...headers] : headers,
        body: byId("stomp-body").value,
        receipt: byId("stomp-receipt").checked,
      });
      setText(byId("stomp-send-result"), receipt ? `Waiting for receipt ${receipt}` : "Sent");
      if (receipt) this.#receipts.set(receipt, performance.now());
    } catch (error) {
      showError(byId("stomp-headers"), error.message);
    }
  }

  #showReceipt(id) {
    if (!this.#receipts.has(id)) return;
    const took = Math.max(1, Math.round(performance.now() - this.#receipts.get(id)));
    this.#receipts.delete(id);
    setText(byId("stomp-send-result"), `Receipt ${id} came after ${took} ms`);
  }

  #isConnected(control) {
    if (this.#client?.state === "connected") return true;
    rejectField(control, "There is no session yet: press Connect first.");
    return false;
  }

  #countMessage(id) {
    const subscription = this.#subscriptions.get(id);
    if (!subscription) return;
    subscription.messages += 1;
    if (subscription.counter) setText(subscription.counter, messageCount(subscription));
  }

  #showOnly(id) {
    this.#onlySubscription = id;
    byId("stomp-log-subscription").value = id;
    this.#log.refilter();
    for (const row of byId("stomp-subscriptions").children) {
      const button = row.querySelector('[aria-pressed]');
      button?.setAttribute("aria-pressed", String(row.dataset.id === id));
    }
  }

  #showSubscriptions() {
    const entries = [...this.#subscriptions];
    byId("stomp-subscriptions").replaceChildren(
      ...entries.map(([id, subscription]) => this.#subscriptionRow(id, subscription)));
    byId("stomp-subscriptions-empty").hidden = entries.length > 0;
    setText(byId("stomp-subscriptions-count"), entries.length > 0 ? count(entries.length) : "");
    if (!this.#known.has(this.#onlySubscription)) this.#onlySubscription = "";
    byId("stomp-log-subscription").replaceChildren(
      el("option", { value: "", text: "All subscriptions" }),
      ...[...this.#known].map(([id, destination]) =>
        el("option", { value: id, text: `${id} ${destination}` })));
    this.#showOnly(this.#onlySubscription);
  }

  #subscriptionRow(id, subscription) {
    subscription.counter = el("span", { class: "subscription-count", "data-testid":
      "stomp-subscription-count", text: messageCount(subscription) });
    const only = () => this.#showOnly(this.#onlySubscription === id ? "" : id);
    return el("li", { class: "subscription", "data-id": id },
      el("div", { class: "subscription-name" },
        el("code", { text: subscription.destination }),
        el("span", { class: "subscription-meta" }, el("span", { text: `${id} · ack auto · ` }),
          subscription.counter)),
      el("button", { type: "button", class: "button quiet icon-only", "aria-pressed": "false",
        "data-testid": "stomp-subscription-only", title: "Show only these in the log",
        "aria-label": `Show only ${id} in the log`, on: { click: only } }, icon("filter")),
      el("button", { type: "button", class: "button quiet icon-only",
        "data-testid": "stomp-unsubscribe", title: "Unsubscribe",
        "aria-label": `Unsubscribe ${id} from ${subscription.destination}`,
        on: { click: () => this.#unsubscribe(id) } }, icon("close")));
  }

  #showState(state) {
    const connected = state === "connected";
    const shown = byId("stomp-state");
    const version = connected && this.#session ? ` · STOMP ${this.#session.version}` : "";
    setText(shown, `${STATES[state]}${version}`);
    shown.dataset.state = state;
    byId("stomp-connect").disabled = !["none", "closed"].includes(state);
    byId("stomp-disconnect").disabled = ["none", "closed", "disconnecting"].includes(state);
    byId("stomp-session").hidden = !connected;
    if (connected && this.#session) this.#showSession();
  }

  #showSession() {
    const { version, session, server, subprotocol, beatOut, beatIn } = this.#session;
    setText(byId("stomp-session-version"), `${version}${subprotocol ? `, ${subprotocol}` : ""}`);
    setText(byId("stomp-session-id"), session ?? "–");
    setText(byId("stomp-session-server"), server ?? "–");
    const beat = (ms) => (ms > 0 ? `every ${interval(ms)}` : "none");
    setText(byId("stomp-session-beat"), `out ${beat(beatOut)}, in ${beat(beatIn)}`);
    this.#showLastBeat();
  }

  #showLastBeat() {
    if (byId("stomp-session").hidden) return;
    const ago = (time) => (time ? `${duration((Date.now() - time) / 1000)} ago` : "none yet");
    const { in: received, out: sent } = this.#lastBeat;
    setText(byId("stomp-session-last-beat"), `out ${ago(sent)}, in ${ago(received)}`);
    byId("stomp-session-last-beat").title = received ? `last received at ${clock(received)}` : "";
  }
}

function onSubmit(id, action) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    action();
  });
}

/** The options of the connect form, or `null` after showing what is wrong with them. */
function readConnectForm() {
  const versions = ["1.2", "1.1", "1.0"].filter((v) => byId(`stomp-version-${v}`).checked);
  clearError(byId("stomp-url"));
  if (versions.length === 0) {
    byId("stomp-settings").open = true;
    showError(byId("stomp-versions"), "Offer at least one version.");
    byId("stomp-version-1.2").focus();
    return null;
  }
  const beats = [byId("stomp-beat-out"), byId("stomp-beat-in")];
  const wrong = beats.find((input) => !/^\d{1,9}$/.test(input.value.trim()));
  if (wrong) {
    byId("stomp-settings").open = true;
    rejectField(wrong, "Milliseconds, a whole number; 0 for none.");
    return null;
  }
  return {
    url: byId("stomp-url").value.trim(),
    login: byId("stomp-login").value,
    passcode: byId("stomp-passcode").value,
    host: byId("stomp-host").value.trim(),
    heartBeat: beats.map((input) => Number(input.value)),
    versions,
  };
}

function addHeaderRow() {
  const name = el("input", { class: "input mono", "aria-label": "Header name",
    placeholder: "name", autocomplete: "off", spellcheck: "false", autocapitalize: "none",
    "data-testid": "stomp-header-name" });
  const value = el("input", { class: "input mono", "aria-label": "Header value",
    placeholder: "value", autocomplete: "off", spellcheck: "false", autocapitalize: "none",
    "data-testid": "stomp-header-value" });
  const row = el("div", { class: "header-row" }, name, value,
    el("button", { type: "button", class: "button quiet icon-only", "aria-label": "Remove header",
      title: "Remove header", "data-testid": "stomp-header-remove",
      on: { click: () => {
        row.remove();
        byId("stomp-header-add").focus();
      } } }, icon("close")));
  byId("stomp-headers").append(row);
  return name;
}

/** The header rows that have a name, or `null` after showing what is wrong with one. */
function readHeaders() {
  const rows = [...byId("stomp-headers").querySelectorAll(".header-row")];
  const pairs = rows.map((row) => [...row.querySelectorAll("input")].map((i) => i.value));
  const nameless = pairs.findIndex(([name, value]) => name === "" && value !== "");
  const owned = pairs.findIndex(([name]) => OWN_FIELDS.includes(name));
  const wrong = nameless === -1 ? owned : nameless;
  if (wrong === -1) return pairs.filter(([name]) => name !== "");
  showError(byId("stomp-headers"), wrong === nameless
    ? "A header needs a name."
    : ownFieldMessage(pairs[wrong][0]));
  rows[wrong].querySelector("input").focus();
  return null;
}

function ownFieldMessage(name) {
  if (name === "content-length") return "content-length is computed from the body.";
  return `${name} has a field of its own in this form.`;
}

function frameTitle(frame, subscription) {
  const destination = header(frame, "destination");
  const parts = [];
  if (destination) parts.push(el("code", { text: destination }));
  if (subscription !== undefined) parts.push(el("span", { class: "tag", text: subscription }));
  if (frame.command === "ERROR") parts.push(header(frame, "message") ?? "");
  return parts.length > 0 ? parts : undefined;
}

/** The headers below the first line. The passcode is only in the wire view, where it must be. */
function frameFields(frame) {
  return frame.headers
    .filter(([name]) => !TITLE_HEADERS.includes(name))
    .map(([name, value]) => [name, name === "passcode" ? "••••••" : value]);
}

function messageCount({ messages }) {
  return `${count(messages)} ${messages === 1 ? "message" : "messages"}`;
}

function showProblem(message) {
  setText(byId("stomp-problem"), message);
  byId("stomp-problem").hidden = false;
}

function hideProblem() {
  byId("stomp-problem").hidden = true;
  setText(byId("stomp-problem"), "");
}
