// A TCP connection that stompjs takes for a WebSocket. In Node.js only.

import net from 'node:net';

export class TcpSocket extends EventTarget {
  readyState = 0;
  #socket;

  /** `url` is HOST:PORT; the subprotocols that stompjs offers have no meaning here. */
  constructor(url) {
    super();
    this.url = url;
    const [, host, port] = /^(.*):(\d+)$/.exec(url);
    this.#socket = net.connect(Number(port), host);
    this.#socket.on('connect', () => this.#enter(1, 'open'));
    this.#socket.on('data', (bytes) => this.#tell('message', { data: copied(bytes) }));
    this.#socket.on('error', (error) => this.#tell('error', { error }));
    this.#socket.on('close', (hadError) => {
      this.#enter(3, 'close', { code: hadError ? 1006 : 1000, reason: '', wasClean: !hadError });
    });
  }

  send(data) {
    this.#socket.write(typeof data === 'string' ? data : new Uint8Array(data));
  }

  close() {
    this.readyState = Math.max(this.readyState, 2);
    this.#socket.end();
  }

  terminate() {
    this.#socket.destroy();
  }

  #enter(state, type, details) {
    this.readyState = state;
    this.#tell(type, details);
  }

  #tell(type, details = {}) {
    const event = Object.assign(new Event(type), details);
    this[`on${type}`]?.(event);
    this.dispatchEvent(event);
  }
}

/** The bytes in a buffer of their own, as a WebSocket gives them. */
function copied(bytes) {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
}
