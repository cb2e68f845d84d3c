// 200 connections that send garbage, half a handshake, half a frame or nothing.
//
// Each must end with a clear answer within a bounded time, and two well-behaved clients, one of the
// echo and one of a topic, must notice nothing meanwhile.

import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { serve } from '../lib/program.mjs';
import { open } from '../lib/raw.mjs';
import { connect } from '../lib/stomp_client.mjs';
import { StompJs, WebSocket } from '../lib/packages.mjs';
import { within } from '../lib/wait.mjs';

/** How many of each kind, eight kinds in all. */
const EACH = 25;

/** The longest that a stranger may stay. */
const STRANGER_MS = 45_000;

/** The longest that a well-behaved client may wait for its own message. */
const NEIGHBOUR_MS = 2_000;

const HANDSHAKE = [
  'GET /echo HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  '',
  '',
].join('\r\n');

/** Noise that is the same in every run: no HTTP, no frame, no STOMP. */
const NOISE = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 167 + 13) % 256));

/** A frame that is masked, masked with zeros, and promises more than it brings. */
const HALF_FRAME = Buffer.concat([Buffer.of(0x82, 0x80 | 100, 0, 0, 0, 0), Buffer.alloc(40)]);

/** What each kind sends, where, and what it must read before its end. */
const STRANGERS = {
  'noise over HTTP': { port: 'http', sends: [NOISE], reads: /^HTTP\/1\.1 400 / },
  'half a handshake': { port: 'http', sends: [HANDSHAKE.slice(0, 60)], reads: /^HTTP\/1\.1 408 / },
  'nothing over HTTP': { port: 'http', sends: [], reads: /^HTTP\/1\.1 408 / },
  'noise as frames': { port: 'http', sends: [HANDSHAKE, NOISE], reads: /\r\n\r\n\x88.\x03\xea/s },
  'half a frame': { port: 'http', sends: [HANDSHAKE, HALF_FRAME], reads: /\r\n\r\n\x88.\x03\xf0/s },
  'noise over TCP': { port: 'stomp', sends: [NOISE], reads: /^ERROR\n/ },
  'half a CONNECT': { port: 'stomp', sends: ['CONNECT\naccept-ver'], reads: /^ERROR\n/ },
  'nothing over TCP': { port: 'stomp', sends: [], reads: /^ERROR\n/ },
};

let program;

before(async () => (program = await serve()));
after(() => program?.stop());

test('strangers end, and their neighbours notice nothing', { timeout: 60_000 }, async () => {
  const neighbours = await Promise.all([echoNeighbour(), topicNeighbour()]);
  const kinds = Object.entries(STRANGERS);
  const strangers = Array.from({ length: EACH }, () => kinds.map(([kind, how]) => visit(kind, how)));
  let gone = false;
  const all = Promise.all(strangers.flat()).finally(() => (gone = true));
  const waits = [];
  while (!gone) {
    for (const talk of neighbours) waits.push(await talk());
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  const worst = await all.then((times) => Math.max(...times));
  assert.ok(waits.length >= 2);
  console.log(`last stranger gone after ${Math.round(worst)} ms; ` +
    `slowest answer to a neighbour ${Math.round(Math.max(...waits))} ms`);
  await Promise.all(neighbours.map((talk) => talk.leave()));
});

/** One stranger's stay: gives its length in milliseconds once the server has ended it. */
async function visit(kind, { port, sends, reads }) {
  const start = performance.now();
  const address = port === 'http' ? new URL(program.console).host : program.stomp;
  const [host, number] = address.split(':');
  const socket = net.connect({ host, port: Number(number), allowHalfOpen: true });
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const ended = new Promise((resolve, reject) => {
    socket.on('end', resolve);
    socket.on('error', (error) => reject(new Error(`${kind}: ${error.message}`)));
  });
  for (const data of sends) socket.write(data);
  try {
    await within(ended, `end for ${kind}`, STRANGER_MS);
  } finally {
    socket.destroy();
  }
  assert.match(Buffer.concat(chunks).toString('latin1'), reads, kind);
  return performance.now() - start;
}

async function echoNeighbour() {
  const socket = await open(program.echo);
  let count = 0;
  const talk = async () => {
    const text = `message ${++count}`;
    const start = performance.now();
    socket.send(text);
    assert.equal((await socket.inbox.next(NEIGHBOUR_MS)).data.toString(), text);
    return performance.now() - start;
  };
  talk.leave = async () => {
    socket.close(1000);
    assert.equal((await within(socket.closed, 'close')).code, 1000);
  };
  return talk;
}

async function topicNeighbour() {
  const stomp = await connect({ StompJs, WebSocket, url: program.websocket });
  const inbox = await stomp.subscribe('/topic/neighbours');
  let count = 0;
  const talk = async () => {
    const text = `message ${++count}`;
    const start = performance.now();
    stomp.send('/topic/neighbours', text);
    assert.equal((await inbox.next(NEIGHBOUR_MS)).body, text);
    return performance.now() - start;
  };
  talk.leave = () => stomp.disconnect();
  return talk;
}
