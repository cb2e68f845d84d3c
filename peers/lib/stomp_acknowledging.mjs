// Queues and acknowledgement with @stomp/stompjs. Runs in Node.js and in a page.

import { holds, same } from './check.mjs';
import { connect, connectTwo } from './stomp_client.mjs';
import { fresh, inEach, SINCE_1_1, VERSIONS } from './stomp_versions.mjs';
import { Inbox, within } from './wait.mjs';

export const acknowledging = {
  ...inEach(VERSIONS, 'a queue gives each message to one consumer', competing),
  ...inEach(VERSIONS, 'what waits in a queue is there for the first who comes', waiting),
  ...inEach(VERSIONS, 'ACK counts for all before it, and the rest comes again', cumulative),
  ...inEach(SINCE_1_1, 'ACK counts for one with client-individual', individual),
  ...inEach(VERSIONS, 'two subscriptions do not touch each other', apart),
  ...inEach(SINCE_1_1, 'two subscriptions to one topic do not touch each other', apartOnTopic),
  ...inEach(SINCE_1_1, 'NACK brings a message again, counted', nack),
  ...inEach(SINCE_1_1, 'NACK counts for all before it', cumulativeNack),
  ...inEach(SINCE_1_1, 'NACK with requeue:false makes a dead letter', refused),
  ...inEach(SINCE_1_1, 'what is delivered too often is a dead letter', tooOften),
  ...inEach(VERSIONS, 'ACK of an unknown message is an error', unknownAck),
  ...inEach(['1.0'], 'NACK is an error', noNack),
  ...inEach(VERSIONS, 'no more is on its way than prefetch-count', prefetch),
};

/** As the server has it. */
const DELIVERIES_MAX = 10;

async function competing(peer, version) {
  const queue = fresh('/queue/competing');
  const [left, right] = await connectTwo(peer, version);
  const inbox = new Inbox('MESSAGE for either');
  await left.subscribe(queue, { id: 'left' }, inbox);
  await right.subscribe(queue, { id: 'right' }, inbox);
  for (let index = 0; index < 20; index++) await left.sendAndConfirm(queue, String(index));
  const bodies = { left: [], right: [] };
  for (let index = 0; index < 20; index++) {
    const message = await inbox.next();
    bodies[message.headers.subscription].push(Number(message.body));
  }
  await Promise.all([left.disconnect(), right.disconnect()]);
  same(inbox.length, 0, 'messages beside those that were sent');
  const all = [...bodies.left, ...bodies.right].sort((a, b) => a - b);
  same(all, [...Array(20).keys()], 'each message came once');
  for (const [side, got] of Object.entries(bodies)) {
    holds(got.length > 0, `${side} gets some`);
    same(got, got.toSorted((a, b) => a - b), `order of ${side}`);
  }
}

async function waiting(peer, version) {
  const queue = fresh('/queue/waiting');
  const sender = await connect(peer, { versions: [version] });
  for (const body of ['one', 'two']) await sender.sendAndConfirm(queue, body, { note: 'kept' });
  await sender.disconnect();
  const consumer = await connect(peer, { versions: [version] });
  const inbox = await consumer.subscribe(queue);
  for (const body of ['one', 'two']) {
    const message = await inbox.next();
    same([message.body, message.headers.note], [body, 'kept'], 'message');
    same(message.headers.destination, queue, 'destination');
    same(message.headers.redelivered, undefined, 'redelivered of a first delivery');
  }
  await consumer.disconnect();
}

async function cumulative(peer, version) {
  const queue = fresh('/queue/cumulative');
  const stomp = await connect(peer, { versions: [version] });
  const messages = await filled(stomp, queue, 5, { ack: 'client' });
  same('ack' in messages[0].headers, version === '1.2', 'a header ack');
  await stomp.confirmed((receipt) => messages[2].ack(receipt));
  await stomp.drop();
  await checkLeft(peer, version, queue, ['4', '5']);
}

async function individual(peer, version) {
  const queue = fresh('/queue/individual');
  const stomp = await connect(peer, { versions: [version] });
  const messages = await filled(stomp, queue, 3, { ack: 'client-individual' });
  await stomp.confirmed((receipt) => messages[1].ack(receipt));
  await stomp.drop();
  await checkLeft(peer, version, queue, ['1', '3']);
}

async function apart(peer, version) {
  const [red, blue, green] = ['red', 'blue', 'green'].map((name) => fresh(`/queue/apart-${name}`));
  const stomp = await connect(peer, { versions: [version] });
  const toRed = await filled(stomp, red, 2, { ack: 'client' });
  const toBlue = await filled(stomp, blue, 2, {
    ack: version === '1.0' ? 'client' : 'client-individual',
  });
  await filled(stomp, green, 2, { ack: 'auto' });
  // Later than all of the others, and still not theirs.
  await stomp.confirmed((receipt) => toBlue[1].ack(receipt));
  await stomp.confirmed((receipt) => toRed[0].ack(receipt));
  await stomp.drop();
  await checkLeft(peer, version, red, ['2']);
  await checkLeft(peer, version, blue, version === '1.0' ? [] : ['1']);
  await checkLeft(peer, version, green, []);
}

async function apartOnTopic(peer, version) {
  const topic = fresh('/topic/apart');
  const stomp = await connect(peer, { versions: [version] });
  const left = await stomp.subscribe(topic, { id: 'left', ack: 'client' });
  const right = await stomp.subscribe(topic, { id: 'right', ack: 'client-individual' });
  stomp.send(topic, 'for both');
  const [atLeft, atRight] = [await left.next(), await right.next()];
  await stomp.confirmed((receipt) => atLeft.ack(receipt));
  atRight.nack();
  const again = await right.next();
  same([again.body, again.headers.redelivered], ['for both', 'true'], 'at the right again');
  await stomp.confirmed((receipt) => again.ack(receipt));
  same([left.length, right.length], [0, 0], 'nothing else came');
  await stomp.disconnect();
}

async function nack(peer, version) {
  const queue = fresh('/queue/nack');
  const stomp = await connect(peer, { versions: [version] });
  const inbox = await stomp.subscribe(queue, { ack: 'client-individual' });
  const bytes = Uint8Array.of(0, 255, 10, 0);
  await stomp.sendAndConfirm(queue, bytes, { note: 'kept' });
  (await inbox.next()).nack();
  const second = await inbox.next();
  const start = performance.now();
  second.nack({ delay: '300' });
  const third = await inbox.next();
  const ms = performance.now() - start;
  // A clock in whole milliseconds may read one less.
  holds(ms > 298, `the delay of 300 ms is kept, not ${ms} ms`);
  for (const [index, message] of [second, third].entries()) {
    const { redelivered, note, 'delivery-count': count } = message.headers;
    same([redelivered, note, count], ['true', 'kept', String(index + 2)], 'headers');
    same([...message.binaryBody], [...bytes], 'body');
  }
  await stomp.confirmed((receipt) => third.ack(receipt));
  await stomp.disconnect();
  await checkLeft(peer, version, queue, []);
}

async function cumulativeNack(peer, version) {
  const queue = fresh('/queue/cumulative-nack');
  const stomp = await connect(peer, { versions: [version] });
  const inbox = await stomp.subscribe(queue, { ack: 'client' });
  for (const body of ['1', '2', '3']) await stomp.sendAndConfirm(queue, body);
  const [, second] = [await inbox.next(), await inbox.next(), await inbox.next()];
  second.nack();
  for (const body of ['1', '2']) {
    const message = await inbox.next();
    same([message.body, message.headers.redelivered], [body, 'true'], 'again');
  }
  await stomp.drop();
  await checkLeft(peer, version, queue, ['1', '2', '3']);
}

async function refused(peer, version) {
  const queue = fresh('/queue/refused');
  const stomp = await connect(peer, { versions: [version] });
  const [message] = await filled(stomp, queue, 1, { ack: 'client-individual' });
  await stomp.confirmed((receipt) => message.nack({ requeue: 'false', ...receipt }));
  await checkDeadLetter(stomp, queue, 'refused', 1);
  await stomp.disconnect();
  await checkLeft(peer, version, queue, []);
}

async function tooOften(peer, version) {
  const queue = fresh('/queue/too-often');
  const stomp = await connect(peer, { versions: [version] });
  const inbox = await stomp.subscribe(queue, { ack: 'client-individual' });
  await stomp.sendAndConfirm(queue, '1', { note: 'kept' });
  for (let count = 0; count < DELIVERIES_MAX; count++) (await inbox.next()).nack();
  await checkDeadLetter(stomp, queue, 'deliveries', DELIVERIES_MAX);
  same(inbox.length, 0, 'more deliveries');
  await stomp.disconnect();
  await checkLeft(peer, version, queue, []);
}

async function unknownAck(peer, version) {
  const stomp = await connect(peer, { versions: [version] });
  const [message] = await filled(stomp, fresh('/queue/unknown-ack'), 1, { ack: 'client' });
  await stomp.confirmed((receipt) => message.ack(receipt));
  message.ack({ receipt: 'never' });
  const error = await stomp.errors.next();
  same(error.headers.message, 'Unknown message', 'message of the ERROR');
  same(error.headers['receipt-id'], 'never', 'receipt-id');
  await within(stomp.closed, 'close after ERROR');
}

async function noNack(peer, version) {
  const queue = fresh('/queue/no-nack');
  const stomp = await connect(peer, { versions: [version] });
  const [message] = await filled(stomp, queue, 1, { ack: 'client' });
  message.nack();
  const error = await stomp.errors.next();
  holds(`${error.headers.message} ${error.body}`.includes('NACK'), 'the ERROR says which frame');
  await within(stomp.closed, 'close after ERROR');
  await checkLeft(peer, version, queue, ['1']);
}

async function prefetch(peer, version) {
  const queue = fresh('/queue/prefetch');
  const [slow, quick] = await connectTwo(peer, version);
  const held = await slow.subscribe(queue, { ack: 'client', 'prefetch-count': '1' });
  for (const body of ['1', '2', '3']) await slow.sendAndConfirm(queue, body);
  const first = await held.next();
  const rest = await quick.subscribe(queue, { ack: 'client', 'prefetch-count': '1' });
  const second = await rest.next();
  await quick.confirmed((receipt) => second.ack(receipt));
  const third = await rest.next();
  same([first, second, third].map((message) => message.body), ['1', '2', '3'], 'bodies');
  same(held.length, 0, 'more than one on its way');
  await quick.confirmed((receipt) => third.ack(receipt));
  await slow.confirmed((receipt) => first.ack(receipt));
  await Promise.all([slow.disconnect(), quick.disconnect()]);
}

/** Subscribes, sends this many messages, which are numbered from 1, and gives them as they came. */
async function filled(stomp, queue, count, headers) {
  const inbox = await stomp.subscribe(queue, headers);
  const messages = [];
  for (let number = 1; number <= count; number++) {
    await stomp.sendAndConfirm(queue, String(number), { note: 'kept' });
    messages.push(await inbox.next());
    same(messages.at(-1).body, String(number), 'body');
  }
  return messages;
}

/**
 * Another client finds just these messages in the queue, each delivered before. They come once the
 * server has let go of the client that had them; one that left nothing must have disconnected.
 */
async function checkLeft(peer, version, queue, bodies) {
  const stomp = await connect(peer, { versions: [version] });
  const inbox = await stomp.subscribe(queue);
  for (const body of bodies) {
    const message = await inbox.next();
    same([message.body, message.headers.redelivered], [body, 'true'], `in ${queue}`);
  }
  stomp.send(queue, 'the end');
  const last = await inbox.next();
  same([last.body, last.headers.redelivered], ['the end', undefined], `last in ${queue}`);
  await stomp.disconnect();
}

/** The message, which has a note, is found among the dead letters, with what became of it. */
async function checkDeadLetter(stomp, queue, reason, deliveries) {
  const selector = `"dead-letter-origin" = '${queue}'`;
  const inbox = await stomp.subscribe('/queue/dead-letters', { selector });
  const { headers, body } = await inbox.next();
  same([body, headers.note], ['1', 'kept'], 'the message');
  same(headers.destination, '/queue/dead-letters', 'destination');
  same(headers['dead-letter-reason'], reason, 'reason');
  same(headers['dead-letter-deliveries'], String(deliveries), 'deliveries');
  await inbox.unsubscribe();
}
