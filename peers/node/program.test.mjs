// The program as an operator meets it: mistakes on the command line, and its end.

import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { run, serve } from '../lib/program.mjs';
import { open } from '../lib/raw.mjs';
import { connect } from '../lib/stomp_client.mjs';
import { StompJs, WebSocket } from '../lib/packages.mjs';
import { within } from '../lib/wait.mjs';

test('the addresses are real', async (t) => {
  const program = await serve();
  t.after(program.stop);
  const ports = [program.console, program.websocket, program.echo].map((url) => new URL(url).port);
  assert.equal(new Set(ports).size, 1, 'one port for HTTP and WebSocket');
  assert.match(program.console, /^http:\/\/127\.0\.0\.1:[1-9]\d*\/$/);
  assert.match(program.websocket, /^ws:\/\/127\.0\.0\.1:[1-9]\d*\/ws$/);
  assert.match(program.echo, /^ws:\/\/127\.0\.0\.1:[1-9]\d*\/echo$/);
  assert.match(program.stomp, /^127\.0\.0\.1:[1-9]\d*$/);
});

test('a server can do without STOMP over TCP', async (t) => {
  const program = await serve('--stomp-listen', 'off');
  t.after(program.stop);
  const stomp = await connect({ StompJs, WebSocket, url: program.websocket });
  await stomp.disconnect();
});

test('a port in use is one clear line and status 2', async () => {
  const holder = net.createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const address = `127.0.0.1:${holder.address().port}`;
  try {
    for (const options of [
      ['serve', '--listen', address, '--stomp-listen', 'off'],
      ['serve', '--listen', '127.0.0.1:0', '--stomp-listen', address],
      ['echo', '--listen', address],
    ]) {
      const { status, stdout, stderr } = await run(...options);
      assert.equal(status, 2, options.join(' '));
      assert.equal(stdout, '');
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
      assert.ok(stderr.includes(address), stderr);
    }
  } finally {
    holder.close();
  }
});

test('a bad flag or value is status 2 and named', async () => {
  for (const [named, ...options] of [
    ['--lisen', 'serve', '--lisen', '127.0.0.1:0'],
    ['nowhere', 'serve', '--listen', 'nowhere'],
    ['sevre', 'sevre'],
  ]) {
    const { status, stdout, stderr } = await run(...options);
    assert.deepEqual([status, stdout], [2, ''], options.join(' '));
    assert.ok(stderr.includes(named), stderr);
  }
});

test('at its end every client is told, and the program is gone', async (t) => {
  const program = await serve();
  t.after(program.stop);
  const raw = await open(program.echo);
  const stomp = await connect({ StompJs, WebSocket, url: program.websocket });
  const tcp = await connectTcp(program.stomp);
  const ended = within(once(tcp, 'end'), 'end of the TCP connection');
  const { status, ms } = await program.stop();
  assert.equal(status, 0);
  assert.ok(ms < 5000, `${ms} ms`);
  assert.equal((await within(raw.closed, 'close')).code, 1001);
  assert.equal((await within(stomp.closed, 'close')).code, 1001);
  await ended;
});

test('a client that does not answer does not hold the end up', async (t) => {
  const program = await serve();
  t.after(program.stop);
  const silent = await open(program.echo);
  t.after(() => silent.terminate());
  silent.pause();
  const tcp = await connectTcp(program.stomp);
  t.after(() => tcp.destroy());
  tcp.pause();
  const { status, ms } = await program.stop();
  assert.equal(status, 0);
  assert.ok(ms < 5000, `${ms} ms`);
});

/** A STOMP session over TCP, made by hand; a reset fails the test. */
async function connectTcp(address) {
  const [host, port] = address.split(':');
  const socket = net.connect({ host, port: Number(port) });
  socket.write('CONNECT\naccept-version:1.2\nhost:/\n\n\0');
  const [answer] = await within(once(socket, 'data'), 'CONNECTED');
  assert.match(answer.toString(), /^CONNECTED\n/);
  socket.resume();
  return socket;
}
