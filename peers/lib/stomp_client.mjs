// A connected client of @stomp/stompjs whose events can be awaited. Runs in Node.js and in a page.
//
// A `peer` says what to connect with: { StompJs, WebSocket, url }. Its `WebSocket` may be anything
// that stompjs takes for one.

import { Inbox, within } from './wait.mjs';

/** Connects; fails if the server answers with an ERROR or closes. */
export async function connect(peer, { versions = ['1.2'], ...options } = {}) {
  const stomp = new StompClient(peer, versions, options);
  stomp.client.activate();
  const refused = Promise.race([
    stomp.errors.next().then((frame) => `ERROR ${frame.headers.message}`),
    stomp.closed.then((event) => `close ${event.code} ${event.reason}`),
  ]).then(
    (reason) => Promise.reject(new Error(`not connected: ${reason}`)),
    () => new Promise(() => {}),
  );
  await Promise.race([within(stomp.connected, 'CONNECTED'), refused]);
  stomp.errors = new Inbox('ERROR');
  return stomp;
}

/** Connects two clients that speak this version. */
export function connectTwo(peer, version) {
  const options = { versions: [version] };
  return Promise.all([connect(peer, options), connect(peer, options)]);
}

class StompClient {
  errors = new Inbox('ERROR');
  /** What went over the WebSocket, message by message. */
  wire = { sent: [], received: [] };
  #receipts = 0;

  constructor({ StompJs, WebSocket, url }, versions, options) {
    const stompVersions = new StompJs.Versions(versions);
    const open = () => {
      this.socket = new WebSocket(url, stompVersions.protocolVersions());
      return recorded(this.socket, this.wire);
    };
    this.client = new StompJs.Client({
      webSocketFactory: open,
      stompVersions,
      reconnectDelay: 0,
      heartbeatIncoming: 0,
      heartbeatOutgoing: 0,
      ...options,
    });
    this.client.onStompError = (frame) => this.errors.put(frame);
    this.connected = new Promise((resolve) => (this.client.onConnect = resolve));
    this.closed = new Promise((resolve) => (this.client.onWebSocketClose = resolve));
  }

  /**
   * Subscribes, and gives the messages' inbox once the server has confirmed. Several subscriptions
   * may share an inbox.
   */
  async subscribe(destination, headers = {}, inbox = new Inbox(`MESSAGE from ${destination}`)) {
    this.closed.then(({ code, reason }) => inbox.end(`closed with ${code} ${reason}`));
    const [receipt, confirmed] = this.#receipt();
    const put = (message) => inbox.put(message);
    const subscription = this.client.subscribe(destination, put, { receipt, ...headers });
    await confirmed;
    inbox.unsubscribe = (headers = {}) =>
      this.confirmed((receipt) => subscription.unsubscribe({ ...receipt, ...headers }));
    return inbox;
  }

  /** Calls `send` with headers for the frame that it is to send; gives the receipt's frame. */
  async confirmed(send) {
    const [receipt, confirmed] = this.#receipt();
    send({ receipt });
    return confirmed;
  }

  /** Sends without waiting: `content` is a text or bytes. */
  send(destination, content, headers = {}) {
    const body = typeof content === 'string' ? { body: content } : { binaryBody: content };
    this.client.publish({ destination, headers, ...body });
  }

  /** Sends, and gives the receipt's frame. */
  async sendAndConfirm(destination, content, headers = {}) {
    return this.confirmed((receipt) => this.send(destination, content, { ...receipt, ...headers }));
  }

  /** Disconnects in an orderly way, and gives the WebSocket's close event. */
  async disconnect() {
    await within(this.client.deactivate(), 'RECEIPT for DISCONNECT');
    return within(this.closed, 'close of the WebSocket');
  }

  /** Ends the connection without DISCONNECT. */
  async drop() {
    await within(this.client.deactivate({ force: true }), 'end of the connection');
  }

  #receipt() {
    const id = `receipt-${++this.#receipts}`;
    const frame = new Promise((resolve) => this.client.watchForReceipt(id, resolve));
    return [id, within(frame, `RECEIPT ${id}`)];
  }
}

/** The same socket, with every message noted. */
export function recorded(socket, wire) {
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    wire.sent.push(data);
    send(data);
  };
  socket.addEventListener('message', ({ data }) => wire.received.push(data));
  return socket;
}
