// The WebSocket view: the browser's own WebSocket object, with everything that it does in a log.

import { explainBadProtocols, explainRefusedUrl, socketUrl } from "./address.js";
import { closeCodeMeaning } from "./close_codes.js";
import { binaryContent, KEPT_BYTES_MAX, textContent } from "./content.js";
import { byId, el, setText } from "./dom.js";
import { clearError, clearErrorOnInput, rejectField, showError } from "./fields.js";
import { bytes as humanBytes, count, exactBytes } from "./format.js";
import { parseHex } from "./hex.js";
import { Log } from "./log.js";
import { byteLength } from "./utf8.js";

const READY_STATES = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"];

/** How often the properties that have no event are read while a socket lives. */
const POLL_MS = 100;

/** RFC 6455 §5.5: a control frame carries 125 octets, two of them the code. */
const REASON_BYTES_MAX = 123;

export function initWebSocketView() {
  const form = {
    open: byId("ws-open-form"),
    send: byId("ws-send-form"),
    close: byId("ws-close-form"),
    url: byId("ws-url"),
    protocols: byId("ws-protocols"),
    binaryType: byId("ws-binary-type"),
    text: byId("ws-text"),
    file: byId("ws-file"),
    hex: byId("ws-hex"),
    code: byId("ws-close-code"),
    reason: byId("ws-close-reason"),
  };
  form.url.value = socketUrl("/echo");

  const log = new Log(byId("ws-log"), {
    prefix: "ws",
    kinds: [["all", "All entries"], ["in", "Received"], ["out", "Sent"], ["event", "Events"]],
    matchesKind: (entry, kind) => entry.direction === kind,
    empty: [
      el("p", { class: "empty-title", text: "Nothing has happened yet" }),
      el("p", {}, "Press ", el("b", { text: "Open" }), " to connect to this server’s echo, then ",
        el("b", { text: "Send" }), ": whatever you send comes straight back. Every event of the ",
        "socket appears here, with its time and size."),
    ],
  });

  const session = new Session(form, log);
  form.open.addEventListener("submit", (event) => {
    event.preventDefault();
    session.open();
  });
  form.send.addEventListener("submit", (event) => {
    event.preventDefault();
    session.send();
  });
  form.close.addEventListener("submit", (event) => {
    event.preventDefault();
    session.close();
  });
  form.binaryType.addEventListener("change", () => session.setBinaryType());
  clearErrorOnInput(form.url, form.protocols, form.text, form.file, form.hex, form.code,
    form.reason);
  sendOnEnter(form.text, form.send);
  sendOnEnter(form.hex, form.send);
  initSendForms(form);
  initReasonCounter(form);
  session.showProperties();
}

/** One row of controls, and at most one living socket at a time. */
class Session {
  #form;
  #log;
  #socket = null;
  #poll;

  constructor(form, log) {
    this.#form = form;
    this.#log = log;
  }

  open() {
    const { url, protocols, binaryType } = this.#form;
    const names = protocols.value.split(",").map((name) => name.trim()).filter(Boolean);
    clearError(url);
    clearError(protocols);
    const problem = explainBadProtocols(names);
    if (problem) return rejectField(protocols, problem);
    try {
      const address = url.value.trim();
      this.#socket = names.length > 0 ? new WebSocket(address, names) : new WebSocket(address);
    } catch (error) {
      return rejectField(url, explainRefusedUrl(url.value.trim(), error));
    }
    this.#socket.binaryType = binaryType.value;
    this.#event("connecting", {
      title: [el("code", { text: this.#socket.url })],
      fields: names.length > 0 ? [["protocols", names.join(", ")]] : [],
    });
    this.#listen(this.#socket);
    this.#watchProperties();
  }

  send() {
    const mode = new FormData(this.#form.send).get("ws-mode");
    const control = this.#form[mode];
    clearError(control);
    if (!this.#socket) return rejectField(control, "There is no socket yet: press Open first.");
    try {
      if (mode === "text") this.#sendText(control);
      else if (mode === "hex") this.#sendHex(control);
      else this.#sendFile(control);
    } catch (error) {
      rejectField(control, explainSend(error));
    }
    this.#watchProperties();
  }

  close() {
    const { code, reason } = this.#form;
    clearError(code);
    clearError(reason);
    const [codeText, reasonText] = [code.value.trim(), reason.value];
    const problem = explainClose(codeText, reasonText);
    if (problem) return rejectField(this.#form[problem.at], problem.message);
    if (!this.#socket) return showError(code, "There is no socket yet: press Open first.");
    const was = this.#socket.readyState;
    if (codeText === "") this.#socket.close();
    else this.#socket.close(Number(codeText), reasonText);
    this.#log.add({
      time: Date.now(),
      direction: "out",
      label: "close",
      title: [codeText === "" ? "Without a code" : `${codeText} ${closeCodeMeaning(Number(codeText))}`],
      fields: reasonText === "" ? [] : [["reason", reasonText]],
      note: closeNote(was),
    });
    this.#watchProperties();
  }

  setBinaryType() {
    if (this.#socket) this.#socket.binaryType = this.#form.binaryType.value;
    this.showProperties();
  }

  #listen(socket) {
    socket.onopen = () => this.#event("open", {
      tone: "good",
      title: ["The connection is open"],
      fields: [["protocol", socket.protocol], ["extensions", socket.extensions]],
    });
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onerror = () => this.#event("error", {
      tone: "error",
      title: ["The connection failed"],
      note: "Browsers tell a page no cause. The close event and the developer tools say more.",
    });
    socket.onclose = ({ code, reason, wasClean }) => this.#event("close", {
      tone: wasClean ? undefined : "error",
      title: [el("b", { text: String(code) }), ` ${closeCodeMeaning(code)}`],
      fields: [["reason", reason], ["wasClean", String(wasClean)]],
    });
  }

  #event(label, rest) {
    this.#log.add({ time: Date.now(), direction: "event", label, ...rest });
    this.#watchProperties();
  }

  #received(data) {
    const entry = { time: Date.now(), direction: "in", label: "message" };
    if (typeof data === "string") {
      const content = textContent(data);
      this.#log.add({ ...entry, size: content.size, content });
    } else if (data instanceof ArrayBuffer) {
      const content = binaryContent(new Uint8Array(data));
      this.#log.add({ ...entry, title: ["binary, ArrayBuffer"], size: data.byteLength, content });
    } else {
      this.#addBlob({ ...entry, title: ["binary, Blob"], size: data.size }, data);
    }
  }

  #sendText(control) {
    this.#socket.send(control.value);
    const content = textContent(control.value);
    this.#log.add({ ...this.#sent(), size: content.size, content });
  }

  #sendHex(control) {
    const data = parseHex(control.value);
    this.#socket.send(data);
    const content = binaryContent(data);
    this.#log.add({ ...this.#sent(), title: ["binary"], size: data.length, content });
  }

  #sendFile(control) {
    const [file] = control.files;
    if (!file) throw new Error("Choose a file first.");
    this.#socket.send(file);
    this.#addBlob({ ...this.#sent(), title: [`binary, ${file.name}`], size: file.size }, file);
  }

  /** A Blob's bytes are read later than its event; the entry has its place and time at once. */
  async #addBlob(entry, blob) {
    this.#log.add(entry);
    try {
      const head = await blob.slice(0, KEPT_BYTES_MAX).arrayBuffer();
      entry.content = binaryContent(new Uint8Array(head), blob.size);
    } catch {
      entry.note = "The browser could not read these bytes.";
    }
    this.#log.refresh(entry);
  }

  #sent() {
    const dropped = this.#socket.readyState >= WebSocket.CLOSING;
    return {
      time: Date.now(),
      direction: "out",
      label: "message",
      tone: dropped ? "warning" : undefined,
      note: dropped
        ? `Dropped: in ${READY_STATES[this.#socket.readyState]} nothing is sent, send() does not ` +
          "complain, and bufferedAmount only grows."
        : undefined,
    };
  }

  /** readyState and bufferedAmount change without an event, so they are read while it matters. */
  #watchProperties() {
    this.showProperties();
    if (this.#poll) return;
    this.#poll = setInterval(() => {
      this.showProperties();
      if (this.#socket.readyState !== WebSocket.CLOSED) return;
      clearInterval(this.#poll);
      this.#poll = null;
    }, POLL_MS);
  }

  showProperties() {
    const socket = this.#socket;
    const state = socket ? READY_STATES[socket.readyState] : null;
    setText(byId("ws-ready-state"), socket ? `${socket.readyState} ${state}` : "no socket");
    byId("ws-ready-state").dataset.state = state ?? "NONE";
    for (const step of byId("ws-states").children) {
      if (step.dataset.state === state) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    }
    showProperty("ws-property-protocol", socket?.protocol);
    showProperty("ws-property-extensions", socket?.extensions);
    showProperty("ws-property-binary-type", socket?.binaryType);
    setText(byId("ws-property-buffered"), socket ? exactBytes(socket.bufferedAmount) : "–");
    byId("ws-open").disabled = socket !== null && socket.readyState !== WebSocket.CLOSED;
  }
}

/** An empty property is shown as the empty string that it is. */
function showProperty(id, value) {
  setText(byId(id), value === undefined ? "–" : value === "" ? "\"\"" : value);
}

function explainSend(error) {
  if (error.name === "InvalidStateError") {
    return "Still CONNECTING: send() throws InvalidStateError until the open event.";
  }
  return error.message;
}

/** What close() would throw, and at which control; `null` where it would not. */
function explainClose(code, reason) {
  if (code === "" && reason !== "") {
    return { at: "code", message: "A reason needs a code: 1000 is the usual one." };
  }
  if (code !== "" && !/^\d+$/.test(code)) {
    return { at: "code", message: "A close code is a whole number." };
  }
  const number = Number(code);
  if (code !== "" && number !== 1000 && (number < 3000 || number > 4999)) {
    return { at: "code", message: "A page may send 1000 or 3000 to 4999 (InvalidAccessError)." };
  }
  const size = byteLength(reason);
  if (size > REASON_BYTES_MAX) {
    const message = `The reason has ${size} bytes, and at most ${REASON_BYTES_MAX} fit (SyntaxError).`;
    return { at: "reason", message };
  }
  return null;
}

function closeNote(readyState) {
  if (readyState === WebSocket.CONNECTING) return "Before open: the connection attempt is given up.";
  if (readyState >= WebSocket.CLOSING) {
    return `Nothing to do: the socket was already ${READY_STATES[readyState]}.`;
  }
  return undefined;
}

/** Enter sends, Shift+Enter makes a new line; Ctrl+Enter sends too, as everywhere here. */
function sendOnEnter(textArea, form) {
  textArea.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
}

/** Text, hex or file: one panel at a time, with the size of what would be sent. */
function initSendForms(form) {
  const size = byId("ws-size");
  const show = () => {
    const mode = new FormData(form.send).get("ws-mode");
    for (const panel of form.send.querySelectorAll("[data-mode]")) {
      panel.hidden = panel.dataset.mode !== mode;
    }
    setText(size, sizeOf(form, mode));
  };
  form.send.addEventListener("input", show);
  form.send.addEventListener("change", show);
  show();
}

function sizeOf(form, mode) {
  if (mode === "text") return exactBytes(byteLength(form.text.value));
  if (mode === "file") {
    const [file] = form.file.files;
    return file ? `${humanBytes(file.size)}` : "";
  }
  try {
    return exactBytes(parseHex(form.hex.value).length);
  } catch {
    return "";
  }
}

function initReasonCounter({ reason }) {
  const counter = byId("ws-close-reason-count");
  const show = () => {
    const size = byteLength(reason.value);
    setText(counter, `${count(size)} / ${REASON_BYTES_MAX}`);
    counter.dataset.over = String(size > REASON_BYTES_MAX);
  };
  reason.addEventListener("input", show);
  show();
}
