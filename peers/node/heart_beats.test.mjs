// A server that falls silent, as @stomp/stompjs in Node.js sees it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve } from '../lib/program.mjs';
import { StompJs, WebSocket } from '../lib/packages.mjs';
import { Watchful } from '../lib/stomp_heart_beats.mjs';
import { TcpSocket } from '../lib/tcp_socket.mjs';

let program;

before(async () => (program = await serve()));
after(() => program?.stop());

test('a server that falls silent is noticed, and found again', async () => {
  const clients = [
    new Watchful({ StompJs, WebSocket, url: program.websocket }),
    new Watchful({ StompJs, WebSocket: TcpSocket, url: program.stomp }),
  ];
  for (const client of clients) await client.connections.next();
  await Promise.all(clients.map((client) => client.beat()));
  program.pause();
  const start = performance.now();
  try {
    // stompjs bears two intervals, and looks once in each.
    for (const client of clients) await client.losses.next(5000);
  } finally {
    program.resume();
  }
  assert.ok(performance.now() - start > 1000, 'not at once');
  for (const client of clients) {
    await client.connections.next();
    await client.end();
  }
});
