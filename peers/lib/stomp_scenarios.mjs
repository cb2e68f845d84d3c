// What @stomp/stompjs must see, the same in Node.js and in a page.
//
// Each scenario takes a `peer` (see stomp_client.mjs) and fails by throwing. Topics carry the
// scenario's name, so that scenarios do not hear each other.

import { holds, same, sameBytes } from './check.mjs';
import { acknowledging } from './stomp_acknowledging.mjs';
import { connect } from './stomp_client.mjs';
import { delivering } from './stomp_delivering.mjs';
import { durable } from './stomp_durable.mjs';
import { transactions } from './stomp_transactions.mjs';
import { VERSIONS } from './stomp_versions.mjs';
import { within } from './wait.mjs';

const MIB = 1024 * 1024;

/** The scenarios by name. */
export const scenarios = {
  'two clients, two topics': twoClientsTwoTopics,
  'an unsubscribed topic is silent': unsubscribed,
  'a text body arrives as it was sent': textBody,
  'a binary body arrives as it was sent': binaryBody,
  'a text of 1 MiB arrives': largeText,
  'bytes of 1 MiB arrive': largeBytes,
  'a frame may be split over WebSocket messages': splitFrames,
  'one WebSocket message may hold several frames': joinedFrames,
  'each receipt is for its own frame': receipts,
  'headers keep special characters': specialHeaders,
  'messages of one sender keep their order': order,
  'a body may be sent without its length': noLength,
  'binary WebSocket messages carry everything': binaryFrames,
  'incompressible bytes of 4 MiB arrive': fourMib,
  'heart-beats go both ways': heartBeats,
  'who falls silent is told, and cut off': silent,
  'the highest common version is chosen': highestVersion,
  'an unknown kind of destination is refused and the kinds are named': unknownKind,
  '$SYS can be read': systemTopicReads,
  '$SYS cannot be written': systemTopicRefuses,
  'DISCONNECT is confirmed': disconnects,
};
for (const version of VERSIONS) {
  scenarios[`a session of version ${version}`] = (peer) => session(peer, version);
}

/** Those that know of nothing but STOMP, so that they hold over anything that carries it. */
export const brokerScenarios = { ...acknowledging, ...transactions, ...durable, ...delivering };
Object.assign(scenarios, brokerScenarios);

async function twoClientsTwoTopics(peer) {
  const [first, second] = await Promise.all([connect(peer), connect(peer)]);
  const [red, blue] = ['/topic/two/red', '/topic/two/blue'];
  const firstRed = await first.subscribe(red);
  const firstBlue = await first.subscribe(blue);
  const secondRed = await second.subscribe(red);
  await second.sendAndConfirm(blue, 'only for the first');
  await first.sendAndConfirm(red, 'for both');
  same((await firstBlue.next()).body, 'only for the first', 'first client, blue');
  const message = await firstRed.next();
  same(message.body, 'for both', 'first client, red');
  same(message.headers.destination, red, 'destination');
  same((await secondRed.next()).body, 'for both', 'second client, red');
  same([firstRed.length, firstBlue.length, secondRed.length], [0, 0, 0], 'nothing else came');
  await Promise.all([first.disconnect(), second.disconnect()]);
}

async function unsubscribed(peer) {
  const stomp = await connect(peer);
  const quiet = await stomp.subscribe('/topic/unsubscribed/quiet');
  const fence = await stomp.subscribe('/topic/unsubscribed/fence');
  await quiet.unsubscribe();
  await stomp.sendAndConfirm('/topic/unsubscribed/quiet', 'to nobody');
  await stomp.sendAndConfirm('/topic/unsubscribed/fence', 'to the fence');
  same((await fence.next()).body, 'to the fence', 'the other subscription');
  same(quiet.length, 0, 'messages after UNSUBSCRIBE');
  await stomp.disconnect();
}

async function textBody(peer) {
  const text = 'Grüße, 世界 🥾\nline two\u0000after NUL';
  const headers = { 'content-type': 'text/plain;charset=utf-8' };
  const message = await roundTrip(peer, '/topic/text', text, headers);
  same(message.body, text, 'body');
  same(message.headers['content-type'], headers['content-type'], 'content-type');
}

async function binaryBody(peer) {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const headers = { 'content-type': 'application/octet-stream' };
  const message = await roundTrip(peer, '/topic/binary', bytes, headers);
  sameBytes(message.binaryBody, bytes, 'body');
  same(message.headers['content-length'], '256', 'content-length');
}

async function largeText(peer) {
  const text = '0123456789abcdef'.repeat(MIB / 16);
  const message = await roundTrip(peer, '/topic/large-text', text);
  same(message.body.length, MIB, 'length');
  holds(message.body === text, 'the text is the same');
}

async function largeBytes(peer) {
  const bytes = Uint8Array.from({ length: MIB }, (_, index) => (index * 31) % 251);
  const message = await roundTrip(peer, '/topic/large-bytes', bytes);
  sameBytes(message.binaryBody, bytes, 'body');
}

async function splitFrames(peer) {
  const stomp = await connect(peer, { splitLargeFrames: true, maxWebSocketChunkSize: 8192 });
  const inbox = await stomp.subscribe('/topic/split');
  const before = stomp.wire.sent.length;
  const text = 'gumboot '.repeat(12_500);
  stomp.send('/topic/split', text);
  // 100,000 characters and a few headers, 8,192 at a time.
  same(stomp.wire.sent.length - before, 13, 'WebSocket messages sent');
  const message = await inbox.next();
  holds(message.body === text, 'the text is the same');
  await stomp.disconnect();
}

async function joinedFrames(peer) {
  const stomp = await connect(peer);
  const inbox = await stomp.subscribe('/topic/joined');
  const frame = (body) => `SEND\ndestination:/topic/joined\n\n${body}\0`;
  stomp.socket.send(`\n${frame('one')}\n\n${frame('two')}\r\n${frame('three')}\n`);
  for (const body of ['one', 'two', 'three']) same((await inbox.next()).body, body, 'body');
  await stomp.disconnect();
}

async function noLength(peer) {
  const stomp = await connect(peer);
  const inbox = await stomp.subscribe('/topic/no-length');
  const body = 'Grüße, 世界 🥾';
  const destination = '/topic/no-length';
  stomp.client.publish({ destination, body, skipContentLengthHeader: true });
  holds(!stomp.wire.sent.at(-1).includes('content-length'), 'no length was sent');
  same((await inbox.next()).body, body, 'body');
  await stomp.disconnect();
}

async function binaryFrames(peer) {
  const binary = { forceBinaryWSFrames: true, appendMissingNULLonIncoming: true };
  const stomp = await connect(peer, binary);
  const message = await echoOf(stomp, '/topic/binary-frames', 'Grüße, 世界 🥾');
  same(message.body, 'Grüße, 世界 🥾', 'body');
  holds(
    stomp.wire.sent.every((data) => typeof data !== 'string'),
    'nothing was sent as text',
  );
  await stomp.disconnect();
}

async function fourMib(peer) {
  // Each is different, since compression to the 250th part would be taken for an attack.
  const numbers = Uint32Array.from({ length: (4 * MIB) / 4 }, (_, index) => index * 2_654_435_761);
  const bytes = new Uint8Array(numbers.buffer);
  const message = await roundTrip(peer, '/topic/four-mib', bytes);
  sameBytes(message.binaryBody, bytes, 'body');
}

async function receipts(peer) {
  const stomp = await connect(peer);
  const names = ['plain', 'with space', 'a:b\nc\\d', 'ü'];
  for (const name of names) {
    const frame = new Promise((resolve) => stomp.client.watchForReceipt(name, resolve));
    stomp.send('/topic/receipts', 'x', { receipt: name });
    const { command, headers } = await within(frame, `RECEIPT ${name}`);
    same([command, headers['receipt-id']], ['RECEIPT', name], 'receipt');
  }
  await stomp.disconnect();
}

async function specialHeaders(peer) {
  const headers = {
    colon: 'a:b:c',
    newline: 'one\ntwo',
    'carriage-return': 'one\rtwo',
    // A backslash before another letter than n: stompjs decodes \\n in the wrong order.
    backslash: 'c:\\temp\\',
    letters: 'ÄÖÜ 世界 🥾',
    empty: '',
  };
  const message = await roundTrip(peer, '/topic/headers', 'x', headers);
  for (const [name, value] of Object.entries(headers)) {
    same(message.headers[name], value, `header ${name}`);
  }
}

async function order(peer) {
  const stomp = await connect(peer);
  const inbox = await stomp.subscribe('/topic/order');
  const ids = new Set();
  for (let index = 0; index < 1000; index++) stomp.send('/topic/order', String(index));
  for (let index = 0; index < 1000; index++) {
    const message = await inbox.next();
    same(message.body, String(index), 'body');
    ids.add(message.headers['message-id']);
  }
  same(ids.size, 1000, 'different message-ids');
  await stomp.disconnect();
}

async function heartBeats(peer) {
  // A worker, where there is one; the client that falls silent has the other kind.
  const heartbeatStrategy = peer.StompJs.TickerStrategy.Worker;
  const beats = { heartbeatIncoming: 1000, heartbeatOutgoing: 1000, heartbeatStrategy };
  const stomp = await connect(peer, beats);
  const [, , offered] = /^heart-beat:(\d+),(\d+)$/m.exec(stomp.wire.received[0]) ?? [];
  holds(Number(offered) > 0, 'the server wants heart-beats');
  const start = performance.now();
  const sent = new Promise((resolve) => countBeats(stomp.socket, 'send', 4, resolve));
  const received = new Promise((resolve) => countBeats(stomp.socket, 'receive', 4, resolve));
  await within(Promise.all([sent, received]), 'four heart-beats both ways', 15_000);
  const ms = performance.now() - start;
  holds(ms > 2500, `four beats take longer than three intervals, not ${ms} ms`);
  const message = await echoOf(stomp, '/topic/heart-beat', 'still here');
  same(message.body, 'still here', 'body after the beats');
  await stomp.disconnect();
}

async function silent(peer) {
  const stomp = await connect(peer, { heartbeatOutgoing: 1000 });
  const send = stomp.socket.send;
  stomp.socket.send = (data) => data === '\n' || send(data);
  const start = performance.now();
  const error = await stomp.errors.next(5000);
  same(error.headers.message, 'Heart-beat missed', 'message of the ERROR');
  const ms = performance.now() - start;
  holds(ms > 1000, `a margin is left, so that it takes longer than ${ms} ms`);
  await within(stomp.closed, 'close after ERROR');
}

async function highestVersion(peer) {
  for (const versions of [['1.0', '1.1'], ['1.2', '1.1', '1.0'], ['1.0', '1.2']]) {
    const stomp = await connect(peer, { versions });
    const highest = versions.toSorted().at(-1);
    same(stomp.client.connectedVersion, highest, `version of ${versions}`);
    same(stomp.socket.protocol, subprotocol(highest), `subprotocol of ${versions}`);
    await stomp.disconnect();
  }
}

async function unknownKind(peer) {
  for (const command of ['SEND', 'SUBSCRIBE']) {
    const stomp = await connect(peer);
    const headers = { receipt: 'never' };
    if (command === 'SEND') stomp.send('/nowhere/x', 'x', headers);
    else stomp.client.subscribe('/nowhere/x', () => {}, headers);
    const error = await stomp.errors.next();
    const text = `${error.headers.message}\n${error.body}`;
    holds(text.includes('/topic/'), `${command}: the kinds are named in: ${text}`);
    same(error.headers['receipt-id'], 'never', `${command}: receipt-id`);
    await within(stomp.closed, 'close after ERROR');
  }
}

async function systemTopicReads(peer) {
  const stomp = await connect(peer);
  const inbox = await stomp.subscribe('/topic/$SYS/stats');
  for (let count = 0; count < 2; count++) {
    const stats = JSON.parse((await inbox.next(5000)).body);
    holds(stats !== null && typeof stats === 'object', 'the statistics are an object');
  }
  await stomp.disconnect();
}

async function systemTopicRefuses(peer) {
  const stomp = await connect(peer);
  stomp.send('/topic/$SYS/stats', '{}', { receipt: 'never' });
  const error = await stomp.errors.next();
  same(error.headers['receipt-id'], 'never', 'receipt-id');
  await within(stomp.closed, 'close after ERROR');
}

async function disconnects(peer) {
  const stomp = await connect(peer);
  const confirmed = new Promise((resolve) => (stomp.client.onDisconnect = resolve));
  const { code, wasClean } = await stomp.disconnect();
  same((await within(confirmed, 'RECEIPT')).command, 'RECEIPT', 'answer to DISCONNECT');
  // stompjs closes without a code, which reads as 1005; or the server was first, with 1000.
  holds(wasClean && [1000, 1005].includes(code), `the close is clean, not ${code}`);
}

async function session(peer, version) {
  const stomp = await connect(peer, { versions: [version] });
  same(stomp.client.connectedVersion, version, 'version');
  same(stomp.socket.protocol, subprotocol(version), 'subprotocol');
  const message = await echoOf(stomp, `/topic/session/${version}`, `in ${version}`);
  same(message.body, `in ${version}`, 'body');
  same(message.headers.subscription !== undefined, true, 'a subscription is named');
  await stomp.disconnect();
}

/** Connects, sends to itself, and gives what came back. */
async function roundTrip(peer, destination, content, headers) {
  const stomp = await connect(peer);
  const message = await echoOf(stomp, destination, content, headers);
  await stomp.disconnect();
  return message;
}

async function echoOf(stomp, destination, content, headers) {
  const inbox = await stomp.subscribe(destination);
  stomp.send(destination, content, headers);
  return inbox.next();
}

/** Calls `done` once `count` messages that are only a line feed went this way. */
function countBeats(socket, way, count, done) {
  const note = (data) => {
    if (data === '\n' && --count === 0) done();
  };
  if (way === 'receive') {
    socket.addEventListener('message', ({ data }) => note(data));
    return;
  }
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    send(data);
    note(data);
  };
}

function subprotocol(version) {
  return `v${version.replace('.', '')}.stomp`;
}
