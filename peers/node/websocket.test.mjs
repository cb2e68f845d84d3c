// npm's ws as a raw client of the echo: messages, control frames and the closing handshake.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { echo, serve } from '../lib/program.mjs';
import { open, writeFrame } from '../lib/raw.mjs';
import { within } from '../lib/wait.mjs';

const CLOSE = 0x88;
const MIB = 1024 * 1024;

let program;

before(async () => (program = await serve()));
after(() => program?.stop());

async function echoed(content) {
  const socket = await open(program.echo);
  socket.send(content);
  const answer = await socket.inbox.next(30_000);
  socket.close(1000);
  await within(socket.closed, 'close');
  return answer;
}

async function closedAs(send) {
  const socket = await open(program.echo);
  send(socket);
  return within(socket.closed, 'close');
}

test('a text comes back as a text', async () => {
  const { data, isBinary } = await echoed('Grüße 🥾');
  assert.deepEqual([data.toString(), isBinary], ['Grüße 🥾', false]);
});

test('bytes come back as bytes', async () => {
  const { data, isBinary } = await echoed(Buffer.of(0, 255, 128));
  assert.deepEqual([data, isBinary], [Buffer.of(0, 255, 128), true]);
});

test('an empty message comes back empty, of its own kind', async () => {
  for (const content of ['', Buffer.alloc(0)]) {
    const { data, isBinary } = await echoed(content);
    assert.deepEqual([data.length, isBinary], [0, typeof content !== 'string']);
  }
});

/** Bytes that hardly repeat: what does, and gets far longer once inflated, is refused above 4 MiB. */
function noise(size) {
  const bytes = Buffer.alloc(size);
  for (let index = 0, state = 1; index < size; index += 1) {
    state = Math.imul(state, 1_103_515_245) + 12_345;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

for (const size of [125, 126, 65_535, 65_536, MIB, 16 * MIB]) {
  test(`a message of ${size} bytes comes back`, async () => {
    const bytes = noise(size);
    const { data, isBinary } = await echoed(bytes);
    assert.ok(isBinary);
    assert.ok(data.equals(bytes));
  });
}

test('fragments come back as one message', async () => {
  const socket = await open(program.echo);
  socket.send('one, ', { fin: false });
  socket.send('two, ', { fin: false });
  socket.ping('in between');
  socket.send('three', { fin: true });
  assert.equal((await socket.pongs.next()).toString(), 'in between');
  assert.equal((await socket.inbox.next()).data.toString(), 'one, two, three');
  socket.close();
  await within(socket.closed, 'close');
});

test('a pong carries the payload of its ping', async () => {
  const socket = await open(program.echo);
  for (const payload of [Buffer.alloc(0), Buffer.from('are you there?'), Buffer.alloc(125, 7)]) {
    socket.ping(payload);
    assert.deepEqual(await socket.pongs.next(), payload);
  }
  socket.close();
  await within(socket.closed, 'close');
});

for (const code of [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
  test(`the close code ${code} is echoed`, async () => {
    assert.equal((await closedAs((socket) => socket.close(code))).code, code);
  });
}

test('a close with a reason is echoed with its code', async () => {
  const { code } = await closedAs((socket) => socket.close(4001, 'that is all'));
  assert.equal(code, 4001);
});

test('a close without a code is answered without one', async () => {
  // 1005 is what a client says of a Close frame that is empty.
  assert.equal((await closedAs((socket) => socket.close())).code, 1005);
});

for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]) {
  test(`the close code ${code} is answered with 1002`, async () => {
    const bad = Buffer.of(code >> 8, code & 0xff);
    const { code: answer } = await closedAs((socket) => writeFrame(socket, CLOSE, bad));
    assert.equal(answer, 1002);
  });
}

test('a close with half a code is answered with 1002', async () => {
  assert.equal((await closedAs((socket) => writeFrame(socket, CLOSE, [3]))).code, 1002);
});

test('a close whose reason is not UTF-8 is answered with 1007', async () => {
  const payload = [0x03, 0xe8, 0xff, 0xff];
  assert.equal((await closedAs((socket) => writeFrame(socket, CLOSE, payload))).code, 1007);
});

test('a text that is not UTF-8 is answered with 1007', async () => {
  assert.equal((await closedAs((socket) => writeFrame(socket, 0x81, [0xc3, 0x28]))).code, 1007);
});

test('a bad byte is answered with 1007 before its message ends', async () => {
  assert.equal((await closedAs((socket) => writeFrame(socket, 0x01, [0xc3, 0x28]))).code, 1007);
});

test('a reserved opcode is answered with 1002', async () => {
  assert.equal((await closedAs((socket) => writeFrame(socket, 0x83, [])))?.code, 1002);
});

test('a frame without a mask is answered with 1002', async () => {
  const plain = Buffer.of(0x81, 2, 0x68, 0x69);
  assert.equal((await closedAs((socket) => socket._socket.write(plain))).code, 1002);
});

test('what came before a violation is delivered first', async () => {
  const socket = await open(program.echo);
  writeFrame(socket, 0x81, 'first');
  writeFrame(socket, 0x83, []);
  assert.equal((await socket.inbox.next()).data.toString(), 'first');
  assert.equal((await within(socket.closed, 'close')).code, 1002);
});

test('a thousand messages in flight come back in order', async () => {
  const socket = await open(program.echo);
  for (let index = 0; index < 1000; index++) socket.send(`message ${index}`);
  for (let index = 0; index < 1000; index++) {
    assert.equal((await socket.inbox.next()).data.toString(), `message ${index}`);
  }
  socket.close(1000);
  await within(socket.closed, 'close');
});

test('`gumboot echo` echoes on every path', async (t) => {
  const bare = await echo('--threads', '1');
  t.after(bare.stop);
  for (const path of ['', 'chat', 'deep/er?q=1']) {
    const socket = await open(new URL(path, bare.echo).href);
    socket.send(path);
    assert.equal((await socket.inbox.next()).data.toString(), path);
    socket.close(1000);
    assert.equal((await within(socket.closed, 'close')).code, 1000);
  }
  assert.equal((await bare.stop()).status, 0);
});
