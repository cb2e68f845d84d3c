// The opening handshake: subprotocols, origins, and requests that are none.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve } from '../lib/program.mjs';
import { open, upgrade } from '../lib/raw.mjs';
import { within } from '../lib/wait.mjs';

const FRIEND = 'http://friend.example:8000';

let program;

before(async () => (program = await serve('--allow-origin', FRIEND)));
after(() => program?.stop());

async function chosen(offer) {
  const { status, headers } = await upgrade(program.websocket, { 'Sec-WebSocket-Protocol': offer });
  assert.equal(status, 101);
  return headers['sec-websocket-protocol'];
}

for (const [offer, choice] of [
  ['v12.stomp', 'v12.stomp'],
  ['v11.stomp', 'v11.stomp'],
  ['v10.stomp', 'v10.stomp'],
  ['v12.stomp, v11.stomp, v10.stomp', 'v12.stomp'],
  ['v10.stomp, v11.stomp, v12.stomp', 'v12.stomp'],
  ['v11.stomp,v12.stomp', 'v12.stomp'],
  ['mqtt, v10.stomp, v11.stomp', 'v11.stomp'],
  ['V12.STOMP, v10.stomp', 'v10.stomp'],
]) {
  test(`of "${offer}" the server picks ${choice}`, async () => {
    assert.equal(await chosen(offer), choice);
  });
}

for (const offer of ['mqtt', 'v13.stomp, stomp', undefined]) {
  test(`of ${offer === undefined ? 'no offer' : `"${offer}"`} the server picks none`, async () => {
    assert.equal(await chosen(offer), undefined);
  });
}

test('an offer in two header fields is one offer', async () => {
  assert.equal(await chosen(['v10.stomp', 'v12.stomp']), 'v12.stomp');
});

test("npm's ws sees the chosen subprotocol", async () => {
  const socket = await open(program.websocket, ['v10.stomp', 'v12.stomp']);
  assert.equal(socket.protocol, 'v12.stomp');
  socket.close(1000);
  await within(socket.closed, 'close');
});

test('a client that is no browser is let in', async () => {
  assert.equal((await upgrade(program.echo, {})).status, 101);
});

test("the console's own origin is let in", async () => {
  const own = new URL(program.console).origin;
  for (const url of [program.echo, program.websocket]) {
    assert.equal((await upgrade(url, { Origin: own })).status, 101);
  }
});

test('an origin named on the command line is let in', async () => {
  assert.equal((await upgrade(program.echo, { Origin: FRIEND })).status, 101);
});

test('any other origin is refused', async () => {
  const { port } = new URL(program.console);
  const others = [
    'http://evil.example',
    'null',
    // Near the allowed ones, but none of them.
    'http://friend.example',
    'https://friend.example:8000',
    'http://friend.example:8000.evil.example',
    `http://127.0.0.2:${port}`,
  ];
  for (const origin of others) {
    for (const url of [program.echo, program.websocket]) {
      assert.equal((await upgrade(url, { Origin: origin })).status, 403, origin);
    }
  }
});

test('an upgrade to another version is told the right one', async () => {
  const answer = await upgrade(program.echo, { 'Sec-WebSocket-Version': '8' });
  assert.equal(answer.status, 426);
  assert.equal(answer.headers['sec-websocket-version'], '13');
});

test('a key that is not 16 bytes is refused', async () => {
  for (const key of ['c2hvcnQ=', 'not base64!', undefined]) {
    assert.equal((await upgrade(program.echo, { 'Sec-WebSocket-Key': key })).status, 400, key);
  }
});

test('a path that does not exist is not found', async () => {
  assert.equal((await upgrade(new URL('/nowhere', program.websocket).href)).status, 404);
});

test('a plain request for a WebSocket path is refused', async () => {
  const response = await fetch(program.echo.replace(/^ws:/, 'http:'));
  // 400 is what RFC 6455 §4.2.1 names; 426 says the same more exactly.
  assert.ok([400, 426].includes(response.status), `${response.status}`);
});

test('the console is a page', async () => {
  const response = await fetch(program.console);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^text\/html/);
  assert.match(await response.text(), /<title>[^<]*Gumboot/i);
});
