// Clients of @stomp/stompjs that stand or fall by heart-beats. Runs in Node.js and in a page.

import { same } from './check.mjs';
import { connect } from './stomp_client.mjs';
import { fresh } from './stomp_versions.mjs';
import { Inbox, within } from './wait.mjs';

/** A client that wants a beat each second, and reconnects once it misses them. */
export class Watchful {
  connections = new Inbox('CONNECTED');
  losses = new Inbox('loss of heart-beats');
  #client;

  constructor({ StompJs, WebSocket, url }) {
    const stompVersions = new StompJs.Versions(['1.2']);
    this.#client = new StompJs.Client({
      webSocketFactory: () => new WebSocket(url, stompVersions.protocolVersions()),
      stompVersions,
      heartbeatIncoming: 1000,
      heartbeatOutgoing: 1000,
      reconnectDelay: 1,
      discardWebsocketOnCommFailure: true,
    });
    this.#client.onConnect = () => this.connections.put(true);
    this.#client.onHeartbeatLost = () => this.losses.put(true);
    this.#client.activate();
  }

  /** Waits for the next beat of the server. */
  async beat() {
    const come = new Promise((resolve) => (this.#client.onHeartbeatReceived = resolve));
    await within(come, 'heart-beat');
  }

  /** Ends, after a message to itself has come. */
  async end() {
    const messages = new Inbox('MESSAGE');
    this.#client.subscribe('/topic/watchful', (message) => messages.put(message));
    this.#client.publish({ destination: '/topic/watchful', body: 'back again' });
    same((await messages.next()).body, 'back again', 'body');
    await within(this.#client.deactivate(), 'end of the client');
  }
}

/**
 * A client with the intervals that stompjs has by itself, which hears a topic. Its timers ring once a
 * minute, as they do in a page that has been hidden for some minutes.
 */
export class Background {
  #beats = 0;

  static async start(peer, topic) {
    for (const name of ['setInterval', 'setTimeout']) {
      const set = globalThis[name].bind(globalThis);
      globalThis[name] = (callback, ms, ...rest) => set(callback, Math.max(ms, 60_000), ...rest);
    }
    const background = new Background();
    const intervals = { heartbeatIncoming: 10_000, heartbeatOutgoing: 10_000 };
    background.stomp = await connect(peer, intervals);
    const { socket } = background.stomp;
    const send = socket.send;
    socket.send = (data) => {
      background.#beats += data === '\n';
      send(data);
    };
    background.inbox = await background.stomp.subscribe(topic);
    return background;
  }

  /** Ends, after these messages have come; gives how many beats it sent. */
  async end(bodies) {
    for (const body of bodies) same((await this.inbox.next()).body, body, 'body');
    await this.stomp.sendAndConfirm('/topic/nobody', 'still here');
    await this.stomp.disconnect();
    return this.#beats;
  }
}

/** A client that comes back to its durable subscription whenever the connection is lost. */
export class Returning {
  #connections = 0;
  #messages = new Inbox('MESSAGE');
  #acknowledged = new Set();
  #client;

  static async start({ StompJs, WebSocket, url }, topic) {
    const returning = new Returning();
    const stompVersions = new StompJs.Versions(['1.2']);
    const headers = { id: 'news', ack: 'client', 'durable-subscription-name': 'news' };
    const subscribed = new Promise((resolve) => {
      const client = new StompJs.Client({
        webSocketFactory: () => new WebSocket(url, stompVersions.protocolVersions()),
        stompVersions,
        reconnectDelay: 1,
        connectHeaders: { 'client-id': fresh('returning') },
      });
      client.onConnect = () => {
        client.watchForReceipt('subscribed', () => resolve(++returning.#connections));
        const put = (message) => returning.#messages.put(message);
        client.subscribe(topic, put, { ...headers, receipt: 'subscribed' });
      };
      returning.#client = client;
      client.activate();
    });
    await within(subscribed, 'subscription');
    return returning;
  }

  /** The next message has this body; of those before it the ACK may have been lost with the connection. */
  async expect(body) {
    let message = await this.#messages.next();
    while (message.headers.redelivered === 'true' && this.#acknowledged.has(message.body)) {
      message.ack();
      message = await this.#messages.next();
    }
    same(message.body, body, 'body');
    message.ack();
    this.#acknowledged.add(body);
  }

  /** Ends; gives how often it has subscribed. */
  async end() {
    await within(this.#client.deactivate(), 'end of the client');
    return this.#connections;
  }
}
