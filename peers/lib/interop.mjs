// An end of an exchange, for whatever sends and receives: crates/interop has the exchanges, and its README says what
// their words mean. Runs both in Node.js and in a page.

/** The messages of the client, in their order: whether each is text, its bytes, and in how many pieces it goes. */
export function messagesOf({ messages = [] }) {
  return messages.flatMap(({ count = 1, ...message }) =>
    Array.from({ length: count }, (_, number) => numbered(message, number)),
  );
}

function numbered({ text, bytes, noise, binary = false, times = 1, pieces = 1 }, number) {
  const isText = bytes === undefined && !binary;
  const unit =
    bytes === undefined
      ? new TextEncoder().encode(text?.replaceAll('{n}', number) ?? noiseOf(noise))
      : Uint8Array.from(bytes.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const payload = new Uint8Array(unit.length * times);
  for (let index = 0; index < times; index++) payload.set(unit, index * unit.length);
  return { isText, payload, pieces };
}

/** Digits that repeat nothing. */
function noiseOf(length) {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return '0123456789abcdef'[(state >>> 16) & 15];
  };
  return Array.from({ length }, next).join('');
}

/** The payload of a message as it is cut: all pieces but the last are of one size. */
export function cut({ payload, pieces }) {
  const size = Math.max(1, Math.ceil(payload.length / pieces));
  return Array.from({ length: pieces }, (_, index) =>
    payload.subarray(index * size, index + 1 === pieces ? undefined : (index + 1) * size),
  );
}

/** One end, and what it has seen. `end` has the methods `send`, with a message, and `close`, with a code and a reason. */
export class Talk {
  report = { same: 0, wrong: [] };
  #pings = 0;

  constructor(exchange, role, end) {
    this.isServer = role === 'server';
    this.messages = messagesOf(exchange);
    this.closing = exchange.close.by === role && exchange.close;
    this.end = end;
    this.done = new Promise((resolve) => (this.resolve = resolve));
  }

  /** What the next ping is named. */
  nextPing() {
    return String(++this.#pings);
  }

  onOpen({ protocol, extensions }) {
    Object.assign(this.report, { protocol, extensions });
    if (!this.isServer) for (const message of this.messages) this.end.send(message);
    this.#closeInTime();
  }

  onMessage(isText, bytes) {
    const message = this.messages[this.report.same];
    if (!message || message.isText !== isText || !equal(message.payload, bytes)) {
      this.report.wrong.push(`${isText ? 'text' : 'bytes'} of length ${bytes.length}`);
      return;
    }
    this.report.same++;
    if (this.isServer) this.end.send(message);
    this.#closeInTime();
  }

  onPong(payload) {
    this.report.pong = payload;
  }

  onError(error) {
    this.report.wrong.push(String(error));
  }

  onClose(code, reason, clean) {
    Object.assign(this.report, { close: [code, reason], clean });
    this.resolve(this.report);
  }

  #closeInTime() {
    if (!this.closing || this.report.same < this.messages.length) return;
    const { code, reason = '' } = this.closing;
    this.end.close(code, reason);
  }
}

function equal(left, right) {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** The client's part of an exchange, with the WebSocket of a browser. */
export function connectInPage(exchange, url) {
  const ws = new WebSocket(url, exchange.protocols ?? []);
  ws.binaryType = 'arraybuffer';
  const talk = new Talk(exchange, 'client', {
    send: ({ isText, payload }) => ws.send(isText ? new TextDecoder().decode(payload) : payload),
    close: (code, reason) => (code === undefined ? ws.close() : ws.close(code, reason)),
  });
  ws.onopen = () => talk.onOpen(ws);
  ws.onmessage = ({ data }) => {
    const isText = typeof data === 'string';
    talk.onMessage(isText, isText ? new TextEncoder().encode(data) : new Uint8Array(data));
  };
  ws.onerror = () => talk.onError('an error event');
  ws.onclose = ({ code, reason, wasClean }) => talk.onClose(code, reason, wasClean);
  return talk.done;
}
