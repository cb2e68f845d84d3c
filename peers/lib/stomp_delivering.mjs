// Who gets a message, when, and with what, with @stomp/stompjs. Runs in Node.js and in a page.

import { holds, same, sameBytes } from './check.mjs';
import { connect, connectTwo } from './stomp_client.mjs';
import { fresh, inEach, VERSIONS } from './stomp_versions.mjs';
import { Inbox } from './wait.mjs';

export const delivering = {
  ...inEach(VERSIONS, 'an answer comes to a temporary queue', replyTo),
  ...inEach(VERSIONS, 'an answer comes to a temporary topic', replyToTopic),
  ...inEach(VERSIONS, 'the sessions of a user get what is theirs', users),
  ...inEach(VERSIONS, 'wildcards stand for topics', wildcards),
  ...inEach(VERSIONS, 'a selector chooses messages', selector),
  ...inEach(VERSIONS, 'a message is gone after its ttl', ttl),
  ...inEach(VERSIONS, 'a message with a delay comes later', delay),
  ...inEach(VERSIONS, 'a message of priority comes first', priority),
  ...inEach(VERSIONS, 'a topic keeps its last value', retained),
  ...inEach(VERSIONS, 'with no-local nobody hears himself', noLocal),
  ...inEach(VERSIONS, 'an exclusive consumer is the only one', exclusive),
  ...inEach(VERSIONS, 'a group of messages has one consumer', groups),
  ...inEach(VERSIONS, 'a browser of a queue takes nothing', browses),
  ...inEach(VERSIONS, 'bytes and headers come out of a queue as they went in', unchanged),
};

async function replyTo(peer, version) {
  await checkReplyTo(peer, version, '/temp-queue/answers');
}

async function replyToTopic(peer, version) {
  await checkReplyTo(peer, version, '/temp-topic/answers');
}

async function checkReplyTo(peer, version, temporary) {
  const service = fresh('/queue/service');
  const [client, server] = await connectTwo(peer, version);
  const questions = await server.subscribe(service);
  // Both have one of this name, and they are not the same.
  const [answers, others] = [await client.subscribe(temporary), await server.subscribe(temporary)];
  client.send(service, 'question', { 'reply-to': temporary, 'correlation-id': 'a-1' });
  const { body, headers } = await questions.next();
  same(body, 'question', 'question');
  const correlation = { 'correlation-id': headers['correlation-id'] };
  await server.sendAndConfirm(headers['reply-to'], 'answer', correlation);
  const answer = await answers.next();
  same([answer.body, answer.headers['correlation-id']], ['answer', 'a-1'], 'answer');
  same(others.length, 0, 'messages at the temporary destination of the other');
  await Promise.all([client.disconnect(), server.disconnect()]);
}

async function users(peer, version) {
  const [ada, bob] = [fresh('ada'), fresh('bob')];
  const log = (login) => connect(peer, { versions: [version], connectHeaders: { login } });
  const sessions = await Promise.all([log(ada), log(ada), log(bob)]);
  const inboxes = await Promise.all(sessions.map((stomp) => stomp.subscribe('/user/inbox')));
  await sessions[2].sendAndConfirm(`/user/${ada}/inbox`, 'for ada');
  await sessions[0].sendAndConfirm(`/user/${bob}/inbox`, 'for bob');
  const bodies = await Promise.all(inboxes.map((inbox) => inbox.next()));
  same(bodies.map(({ body }) => body), ['for ada', 'for ada', 'for bob'], 'bodies');
  same(inboxes.map((inbox) => inbox.length), [0, 0, 0], 'nothing else came');
  await Promise.all(sessions.map((stomp) => stomp.disconnect()));
}

async function wildcards(peer, version) {
  const root = fresh('/topic/wildcards');
  const stomp = await connect(peer, { versions: [version] });
  const one = await stomp.subscribe(`${root}/*/b`);
  const rest = await stomp.subscribe(`${root}/**`);
  const dotted = await stomp.subscribe(`${root}.a.>`);
  for (const name of ['/a/b', '.a.b', '/a/c', '/x/b', '/a/b/c']) {
    await stomp.sendAndConfirm(root + name, name);
  }
  await stomp.sendAndConfirm(fresh('/topic/others'), 'to nobody');
  for (const [inbox, expected] of [
    [one, ['/a/b', '.a.b', '/x/b']],
    [rest, ['/a/b', '.a.b', '/a/c', '/x/b', '/a/b/c']],
    [dotted, ['/a/b', '.a.b', '/a/c', '/a/b/c']],
  ]) {
    for (const name of expected) {
      const message = await inbox.next();
      same([message.body, message.headers.destination], [name, root + name], inbox.what);
    }
    same(inbox.length, 0, `more at ${inbox.what}`);
  }
  await stomp.disconnect();
}

async function selector(peer, version) {
  for (const destination of [fresh('/topic/selector'), fresh('/queue/selector')]) {
    const stomp = await connect(peer, { versions: [version] });
    const heavy = await stomp.subscribe(destination, {
      selector: "colour IN ('red', 'blue') AND weight > 9.5",
    });
    const light = await stomp.subscribe(destination, { selector: 'weight <= 9.5' });
    for (const [body, colour, weight] of [
      ['light red', 'red', '9'],
      ['heavy green', 'green', '10'],
      ['heavy blue', 'blue', '10'],
    ]) {
      await stomp.sendAndConfirm(destination, body, { colour, weight });
    }
    same((await heavy.next()).body, 'heavy blue', 'body');
    same((await light.next()).body, 'light red', 'body');
    same([heavy.length, light.length], [0, 0], 'nothing else came');
    await stomp.disconnect();
  }
}

async function ttl(peer, version) {
  const queue = fresh('/queue/ttl');
  const stomp = await connect(peer, { versions: [version] });
  const clock = await stomp.subscribe(fresh('/topic/clock'));
  await stomp.sendAndConfirm(queue, 'short', { ttl: '50' });
  await stomp.sendAndConfirm(queue, 'shorter', { expires: String(Date.now() + 40) });
  await stomp.sendAndConfirm(queue, 'long', { ttl: '600000' });
  const topic = clock.what.split(' ').at(-1);
  stomp.send(topic, 'now', { delay: '100' });
  same((await clock.next()).body, 'now', 'the clock');
  const inbox = await stomp.subscribe(queue);
  same((await inbox.next()).body, 'long', 'what is left');
  same(inbox.length, 0, 'nothing else came');
  await stomp.disconnect();
}

async function delay(peer, version) {
  for (const destination of [fresh('/queue/delay'), fresh('/topic/delay')]) {
    const stomp = await connect(peer, { versions: [version] });
    const inbox = await stomp.subscribe(destination);
    const start = performance.now();
    await stomp.sendAndConfirm(destination, 'later', { delay: '300' });
    await stomp.sendAndConfirm(destination, 'at once');
    same((await inbox.next()).body, 'at once', 'first');
    same((await inbox.next()).body, 'later', 'second');
    const ms = performance.now() - start;
    holds(ms > 298, `the delay of 300 ms is kept, not ${ms} ms`);
    await stomp.disconnect();
  }
}

async function priority(peer, version) {
  const queue = fresh('/queue/priority');
  const stomp = await connect(peer, { versions: [version] });
  for (const priority of ['4', '0', '9', '4', '9']) {
    await stomp.sendAndConfirm(queue, priority, { priority });
  }
  const inbox = await stomp.subscribe(queue);
  for (const priority of ['9', '9', '4', '4', '0']) {
    const { body, headers } = await inbox.next();
    same([body, headers.priority], [priority, priority], 'message');
  }
  await stomp.disconnect();
}

async function retained(peer, version) {
  const topic = fresh('/topic/retained');
  const stomp = await connect(peer, { versions: [version] });
  for (const body of ['old', 'last']) await stomp.sendAndConfirm(topic, body, { retain: 'true' });
  const inbox = await stomp.subscribe(topic);
  const { body, headers } = await inbox.next();
  same([body, headers.retained], ['last', 'true'], 'what was kept');
  await stomp.sendAndConfirm(topic, 'new', { retain: 'remove' });
  const live = await inbox.next();
  same([live.body, live.headers.retained], ['new', undefined], 'what comes live');
  const late = await stomp.subscribe(topic);
  await stomp.sendAndConfirm(topic, 'the end');
  same((await late.next()).body, 'the end', 'after it was removed');
  await stomp.disconnect();
}

async function noLocal(peer, version) {
  const topic = fresh('/topic/no-local');
  const [one, other] = await connectTwo(peer, version);
  const inbox = await one.subscribe(topic, { 'no-local': 'true' });
  await one.sendAndConfirm(topic, 'my own');
  await other.sendAndConfirm(topic, 'of another');
  same((await inbox.next()).body, 'of another', 'the first that comes');
  await Promise.all([one.disconnect(), other.disconnect()]);
}

async function exclusive(peer, version) {
  const queue = fresh('/queue/exclusive');
  const [first, second] = await connectTwo(peer, version);
  const chosen = await first.subscribe(queue, { exclusive: 'true' });
  const waits = await second.subscribe(queue, { exclusive: 'true' });
  for (const body of ['1', '2', '3']) await second.sendAndConfirm(queue, body);
  for (const body of ['1', '2', '3']) same((await chosen.next()).body, body, 'at the first');
  same(waits.length, 0, 'messages at the second');
  await first.disconnect();
  await second.sendAndConfirm(queue, '4');
  same((await waits.next()).body, '4', 'at the second, once the first is gone');
  await second.disconnect();
}

async function groups(peer, version) {
  const queue = fresh('/queue/groups');
  const [left, right] = await connectTwo(peer, version);
  const inbox = new Inbox('MESSAGE for either');
  await left.subscribe(queue, { id: 'left' }, inbox);
  await right.subscribe(queue, { id: 'right' }, inbox);
  const owners = new Map();
  for (let index = 0; index < 12; index++) {
    const group = `group ${index % 3}`;
    await left.sendAndConfirm(queue, String(index), { JMSXGroupID: group });
    const { body, headers } = await inbox.next();
    same([body, headers.JMSXGroupID], [String(index), group], 'message');
    if (!owners.has(group)) owners.set(group, headers.subscription);
    same(headers.subscription, owners.get(group), `consumer of ${group}`);
  }
  same(new Set(owners.values()).size, 2, 'consumers with a group');
  await Promise.all([left.disconnect(), right.disconnect()]);
}

async function browses(peer, version) {
  const queue = fresh('/queue/browses');
  const stomp = await connect(peer, { versions: [version] });
  for (const body of ['1', '2']) await stomp.sendAndConfirm(queue, body);
  const seen = await stomp.subscribe(queue, { browser: 'true' });
  for (const body of ['1', '2']) same((await seen.next()).body, body, 'what is seen');
  same((await seen.next()).headers.browser, 'end', 'the end of it');
  const taken = await stomp.subscribe(queue);
  for (const body of ['1', '2']) {
    const message = await taken.next();
    same([message.body, message.headers.redelivered], [body, undefined], 'what is taken');
  }
  await stomp.disconnect();
}

async function unchanged(peer, version) {
  const queue = fresh('/queue/unchanged');
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 256);
  const headers = { 'content-type': 'image/png', letters: 'ÄÖÜ 世界 🥾' };
  // stompjs reads and writes no escapes in 1.1, where a colon comes as one; 1.0 has none.
  if (version !== '1.1') headers.colons = 'a:b:c';
  if (version === '1.2') headers.lines = 'one\ntwo\rthree \\';
  const [one, other] = await connectTwo(peer, version);
  await one.sendAndConfirm(queue, bytes, headers);
  const inbox = await other.subscribe(queue);
  const message = await inbox.next();
  sameBytes(message.binaryBody, bytes, 'body');
  for (const [name, value] of Object.entries(headers)) {
    same(message.headers[name], value, `header ${name}`);
  }
  await Promise.all([one.disconnect(), other.disconnect()]);
}
