// Durable subscriptions and reconnecting with @stomp/stompjs. Runs in Node.js and in a page.

import { same } from './check.mjs';
import { connect, recorded } from './stomp_client.mjs';
import { fresh, inEach, VERSIONS } from './stomp_versions.mjs';
import { Inbox, within } from './wait.mjs';

export const durable = {
  ...inEach(VERSIONS, 'a durable subscription gets what was sent meanwhile', disconnected),
  ...inEach(VERSIONS, 'a durable subscription outlives a lost connection', dropped),
  ...inEach(VERSIONS, 'UNSUBSCRIBE with the name gives a durable subscription up', givenUp),
  ...inEach(VERSIONS, 'UNSUBSCRIBE without the name keeps a durable subscription', kept),
  ...inEach(VERSIONS, 'durable subscriptions as clients of RabbitMQ have them', byId),
  ...inEach(VERSIONS, 'durable subscriptions are those of one client-id', ofOneClient),
  ...inEach(VERSIONS, 'stompjs reconnects by itself, and nothing is missing', reconnects),
};

const NAMED = { 'durable-subscription-name': 'news' };

async function disconnected(peer, version) {
  await checkOutlives(peer, version, (stomp) => stomp.disconnect());
}

async function dropped(peer, version) {
  await checkOutlives(peer, version, (stomp) => stomp.drop());
}

async function checkOutlives(peer, version, end) {
  const { topic, client, sender } = await begun(peer, version);
  const before = await client();
  const inbox = await before.subscribe(topic, { ...NAMED, id: 'before', ack: 'client' });
  await sender.sendAndConfirm(topic, 'acknowledged');
  await sender.sendAndConfirm(topic, 'not acknowledged');
  const message = await inbox.next();
  await inbox.next();
  await before.confirmed((receipt) => message.ack(receipt));
  const gone = await untilGone(sender, async (queue) => {
    await (await before.subscribe(queue, { ack: 'client' })).next();
  });
  await end(before);
  await gone();
  await sender.sendAndConfirm(topic, 'meanwhile');
  const after = await client();
  const again = await after.subscribe(topic, { ...NAMED, id: 'after' });
  await sender.sendAndConfirm(topic, 'afterwards');
  for (const [body, redelivered] of [
    ['not acknowledged', 'true'],
    ['meanwhile', undefined],
    ['afterwards', undefined],
  ]) {
    const { body: got, headers } = await again.next();
    same([got, headers.redelivered, headers.destination], [body, redelivered, topic], 'message');
  }
  await again.unsubscribe(NAMED);
  await Promise.all([after.disconnect(), sender.disconnect()]);
}

async function givenUp(peer, version) {
  await checkUnsubscribed(peer, version, NAMED, NAMED, ['afterwards']);
}

async function kept(peer, version) {
  await checkUnsubscribed(peer, version, NAMED, {}, ['meanwhile', 'afterwards']);
}

async function byId(peer, version) {
  const headers = { id: 'news', durable: 'true', 'auto-delete': 'false' };
  await checkUnsubscribed(peer, version, headers, {}, ['meanwhile', 'afterwards']);
  await checkUnsubscribed(peer, version, headers, headers, ['afterwards']);
}

/** What comes to one who unsubscribed with these headers, and subscribes again. */
async function checkUnsubscribed(peer, version, subscribe, unsubscribe, bodies) {
  const { topic, client, sender } = await begun(peer, version);
  const before = await client();
  await (await before.subscribe(topic, subscribe)).unsubscribe(unsubscribe);
  await before.disconnect();
  await sender.sendAndConfirm(topic, 'meanwhile');
  const after = await client();
  const inbox = await after.subscribe(topic, subscribe);
  await sender.sendAndConfirm(topic, 'afterwards');
  for (const body of bodies) same((await inbox.next()).body, body, 'body');
  same(inbox.length, 0, 'nothing else came');
  await inbox.unsubscribe(subscribe);
  await Promise.all([after.disconnect(), sender.disconnect()]);
}

async function ofOneClient(peer, version) {
  const { topic, client, sender } = await begun(peer, version);
  const stranger = await begun(peer, version);
  const [mine, theirs] = [await client(), await stranger.client()];
  await mine.subscribe(topic, NAMED);
  await mine.disconnect();
  const inbox = await theirs.subscribe(topic, NAMED);
  await sender.sendAndConfirm(topic, 'for both');
  same((await inbox.next()).body, 'for both', 'at the other client');
  const again = await client();
  const left = await again.subscribe(topic, NAMED);
  same((await left.next()).body, 'for both', 'at the first client');
  await Promise.all([left.unsubscribe(NAMED), inbox.unsubscribe(NAMED)]);
  await Promise.all([again, theirs, sender, stranger.sender].map((stomp) => stomp.disconnect()));
}

async function reconnects(peer, version) {
  const { topic, sender, id } = await begun(peer, version);
  const { StompJs, WebSocket, url } = peer;
  const messages = new Inbox('MESSAGE');
  const stompVersions = new StompJs.Versions([version]);
  const subscribed = new Inbox('subscription');
  let connections = 0;
  let gone;
  const client = new StompJs.Client({
    webSocketFactory: () => {
      const socket = new WebSocket(url, stompVersions.protocolVersions());
      return recorded(socket, { sent: [], received: [] });
    },
    stompVersions,
    connectHeaders: { 'client-id': id },
    reconnectDelay: 1,
    discardWebsocketOnCommFailure: true,
    beforeConnect: async () => {
      if (connections++ === 0) return;
      await gone();
      await sender.sendAndConfirm(topic, 'meanwhile');
    },
    onConnect: () => {
      const put = (message) => messages.put(message);
      const headers = { ...NAMED, id: 'news', ack: 'client', receipt: 'subscribed' };
      client.watchForReceipt('subscribed', () => subscribed.put(connections));
      client.subscribe(topic, put, headers);
    },
  });
  client.activate();
  same(await subscribed.next(), 1, 'connections');
  await sender.sendAndConfirm(topic, 'before');
  same((await messages.next()).body, 'before', 'body');
  gone = await untilGone(sender, async (queue) => {
    const held = new Inbox('MESSAGE to be held');
    client.subscribe(queue, (message) => held.put(message), { ack: 'client' });
    await held.next();
  });
  client.forceDisconnect();
  same(await subscribed.next(), 2, 'connections');
  const again = await messages.next();
  same([again.body, again.headers.redelivered], ['before', 'true'], 'what was not acknowledged');
  const meanwhile = await messages.next();
  same(meanwhile.body, 'meanwhile', 'what was sent meanwhile');
  meanwhile.ack();
  client.unsubscribe('news', NAMED);
  await within(client.deactivate(), 'end of the client');
  await sender.disconnect();
}

/**
 * Gives how to wait until the server has let a session go, since before that its durable
 * subscription is in use. `hold` makes the session take a message of a queue, which then comes to
 * the other.
 */
async function untilGone(other, hold) {
  const queue = fresh('/queue/held');
  await other.sendAndConfirm(queue, 'held');
  await hold(queue);
  const freed = await other.subscribe(queue);
  return () => freed.next();
}

/** A topic, clients with one `client-id` to subscribe to it, and another one that sends to it. */
async function begun(peer, version) {
  const id = fresh('client');
  const options = { versions: [version], connectHeaders: { 'client-id': id } };
  const sender = await connect(peer, { versions: [version] });
  return { id, topic: fresh('/topic/durable'), client: () => connect(peer, options), sender };
}
