// Transactions with @stomp/stompjs. Runs in Node.js and in a page.

import { holds, same } from './check.mjs';
import { connect } from './stomp_client.mjs';
import { fresh, inEach, SINCE_1_1, VERSIONS } from './stomp_versions.mjs';
import { Inbox, within } from './wait.mjs';

export const transactions = {
  ...inEach(VERSIONS, 'nothing is seen of a transaction before its COMMIT', commits),
  ...inEach(VERSIONS, 'nothing is left of a transaction after its ABORT', aborts),
  ...inEach(VERSIONS, 'a lost connection aborts its transactions', dropped),
  ...inEach(VERSIONS, 'DISCONNECT aborts its transactions', disconnected),
  ...inEach(VERSIONS, 'ACK counts with the COMMIT', ack),
  ...inEach(SINCE_1_1, 'NACK counts with the COMMIT', nack),
  ...inEach(VERSIONS, 'two transactions do not touch each other', two),
  ...inEach(VERSIONS, 'a transaction that fails sends nothing', fails),
  ...inEach(VERSIONS, 'a transaction has one BEGIN', begunTwice),
  ...inEach(VERSIONS, 'a transaction that was not begun is an error', unknown),
};

async function commits(peer, version) {
  const { stomp, topic, inbox, receipts } = await begun(peer, version);
  const transaction = stomp.client.begin();
  sendIn(stomp, transaction, topic, 'one', receipts);
  sendIn(stomp, transaction, topic, 'two', receipts);
  await stomp.sendAndConfirm(topic, 'outside');
  same((await inbox.next()).body, 'outside', 'what came before COMMIT');
  same([inbox.length, receipts.length], [0, 0], 'messages and receipts before COMMIT');
  transaction.commit();
  for (const body of ['one', 'two']) {
    same((await inbox.next()).body, body, 'body');
    same(await receipts.next(), body, 'receipt');
  }
  await stomp.disconnect();
}

async function aborts(peer, version) {
  const { stomp, topic, inbox, receipts } = await begun(peer, version);
  for (const end of ['abort', 'commit']) {
    // Its name may be used again.
    const transaction = stomp.client.begin('again');
    sendIn(stomp, transaction, topic, end, receipts);
    transaction[end]();
  }
  same((await inbox.next()).body, 'commit', 'the first message that comes');
  same(await receipts.next(), 'commit', 'the first receipt');
  await stomp.disconnect();
}

async function dropped(peer, version) {
  await checkEnds(peer, version, (stomp) => stomp.drop());
}

async function disconnected(peer, version) {
  await checkEnds(peer, version, (stomp) => stomp.disconnect());
}

async function checkEnds(peer, version, end) {
  const queue = fresh('/queue/transaction-ends');
  const stomp = await connect(peer, { versions: [version] });
  const inbox = await stomp.subscribe(queue, { ack: 'client' });
  await stomp.sendAndConfirm(queue, 'not acknowledged');
  const message = await inbox.next();
  const { id } = stomp.client.begin();
  message.ack({ transaction: id });
  stomp.send(queue, 'never', { transaction: id });
  await end(stomp);
  const other = await connect(peer, { versions: [version] });
  const left = await other.subscribe(queue);
  const again = await left.next();
  same([again.body, again.headers.redelivered], ['not acknowledged', 'true'], 'what is left');
  await other.sendAndConfirm(queue, 'the end');
  same((await left.next()).body, 'the end', 'what is behind it');
  await other.disconnect();
}

async function ack(peer, version) {
  const queue = fresh('/queue/transaction-ack');
  const stomp = await connect(peer, { versions: [version] });
  const inbox = await stomp.subscribe(queue, { ack: 'client' });
  for (const body of ['1', '2', '3']) await stomp.sendAndConfirm(queue, body);
  const [first, second] = [await inbox.next(), await inbox.next(), await inbox.next()];
  const aborted = stomp.client.begin();
  await stomp.confirmed((receipt) => second.ack({ transaction: aborted.id, ...receipt }));
  aborted.abort();
  // It is free again, or this would be an error.
  const committed = stomp.client.begin();
  await stomp.confirmed((receipt) => first.ack({ transaction: committed.id, ...receipt }));
  committed.commit();
  await stomp.sendAndConfirm(fresh('/topic/fence'), 'x');
  await stomp.drop();
  const other = await connect(peer, { versions: [version] });
  const left = await other.subscribe(queue);
  for (const body of ['2', '3']) same((await left.next()).body, body, 'what is left');
  await other.sendAndConfirm(queue, 'the end');
  same((await left.next()).body, 'the end', 'what is behind it');
  await other.disconnect();
}

async function nack(peer, version) {
  const queue = fresh('/queue/transaction-nack');
  const stomp = await connect(peer, { versions: [version] });
  const inbox = await stomp.subscribe(queue, { ack: 'client-individual' });
  await stomp.sendAndConfirm(queue, 'again');
  const message = await inbox.next();
  const transaction = stomp.client.begin();
  await stomp.confirmed((receipt) => message.nack({ transaction: transaction.id, ...receipt }));
  await stomp.sendAndConfirm(queue, 'meanwhile');
  const meanwhile = await inbox.next();
  same(meanwhile.body, 'meanwhile', 'what came before COMMIT');
  transaction.commit();
  const again = await inbox.next();
  same([again.body, again.headers.redelivered], ['again', 'true'], 'what came after COMMIT');
  meanwhile.ack();
  await stomp.confirmed((receipt) => again.ack(receipt));
  await stomp.disconnect();
}

async function two(peer, version) {
  const { stomp, topic, inbox, receipts } = await begun(peer, version);
  const [first, second] = [stomp.client.begin('first'), stomp.client.begin('second')];
  sendIn(stomp, first, topic, 'of the first', receipts);
  sendIn(stomp, second, topic, 'of the second', receipts);
  second.commit();
  same((await inbox.next()).body, 'of the second', 'the first message');
  same(await receipts.next(), 'of the second', 'the first receipt');
  first.commit();
  same((await inbox.next()).body, 'of the first', 'the second message');
  same(await receipts.next(), 'of the first', 'the second receipt');
  await stomp.disconnect();
}

async function fails(peer, version) {
  const { stomp, topic, inbox, receipts } = await begun(peer, version);
  const other = await connect(peer, { versions: [version] });
  const heard = await other.subscribe(topic);
  const { id } = stomp.client.begin();
  sendIn(stomp, { id }, topic, 'never', receipts);
  stomp.send('/nowhere/x', 'x', { transaction: id });
  const error = await stomp.errors.next();
  holds(error.headers.message.length > 0, 'the ERROR says why');
  await within(stomp.closed, 'close after ERROR');
  await other.sendAndConfirm(topic, 'the end');
  same((await heard.next()).body, 'the end', 'the first message that comes');
  same([inbox.length, receipts.length], [0, 0], 'messages and receipts');
  await other.disconnect();
}

async function begunTwice(peer, version) {
  await checkRefused(peer, version, (stomp) => {
    stomp.client.begin('twice');
    stomp.client.begin('twice');
  });
}

async function unknown(peer, version) {
  await checkRefused(peer, version, (stomp) => stomp.client.commit('unknown'));
  await checkRefused(peer, version, (stomp) => stomp.client.abort('unknown'));
  await checkRefused(peer, version, (stomp) =>
    stomp.send('/topic/unknown', 'x', { transaction: 'unknown' }),
  );
}

async function checkRefused(peer, version, mistake) {
  const stomp = await connect(peer, { versions: [version] });
  mistake(stomp);
  const { headers, body } = await stomp.errors.next();
  holds(`${headers.message} ${body}`.includes('transaction'), 'the ERROR is about a transaction');
  await within(stomp.closed, 'close after ERROR');
}

/** A client with a topic of its own, and an inbox for the bodies whose receipts have come. */
async function begun(peer, version) {
  const topic = fresh('/topic/transaction');
  const stomp = await connect(peer, { versions: [version] });
  return { stomp, topic, inbox: await stomp.subscribe(topic), receipts: new Inbox('RECEIPT') };
}

function sendIn(stomp, { id }, topic, body, receipts) {
  const receipt = fresh('receipt');
  stomp.client.watchForReceipt(receipt, () => receipts.put(body));
  stomp.send(topic, body, { transaction: id, receipt });
}
