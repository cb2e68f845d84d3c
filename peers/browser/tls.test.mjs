// Chromium over TLS: it speaks HTTP/2 by itself, with several WebSockets on one connection (RFC 8441).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from '../lib/browser.mjs';
import { serve } from '../lib/program.mjs';

let browser, folder, program;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gumboot-tls-'));
  const [certificate, key] = ['cert.pem', 'key.pem'].map((name) => join(folder, name));
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-days', '2', '-out', certificate, '-keyout', key],
  ], { stdio: 'ignore' });
  browser = await launch();
  program = await serve('--tls-cert', certificate, '--tls-key', key);
});

after(async () => {
  await browser?.close();
  await program?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('the addresses say that they are secure', () => {
  assert.match(program.console, /^https:/);
  assert.match(program.websocket, /^wss:/);
  assert.match(program.echo, /^wss:/);
});

test('a page opens several WebSockets over HTTP/2, and each has its own end', async () => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  const statuses = [];
  devtools.on('Network.webSocketHandshakeResponseReceived', ({ response }) => {
    statuses.push(response.status);
  });
  await devtools.send('Network.enable');
  const response = await page.goto(program.console);
  assert.equal(response.status(), 200);
  const seen = await page.evaluate(async (url) => {
    const [entry] = performance.getEntriesByType('navigation');
    const talk = (index) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(url);
        const text = `message ${index} `.repeat(20_000);
        socket.onopen = () => socket.send(text);
        socket.onerror = () => reject(new Error('error'));
        socket.onmessage = ({ data }) => {
          if (data !== text) reject(new Error('another message'));
          socket.close(4000 + index, 'enough');
        };
        socket.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
      });
    const closes = await Promise.all([0, 1, 2, 3].map(talk));
    return { version: entry.nextHopProtocol, closes };
  }, program.echo);
  assert.equal(seen.version, 'h2');
  const expected = [0, 1, 2, 3].map((index) => ({ code: 4000 + index, wasClean: true }));
  assert.deepEqual(seen.closes, expected);
  // An upgrade of HTTP/1.1 would have 101.
  assert.deepEqual(statuses, [200, 200, 200, 200]);
  await context.close();
});

test('with the program, the page is told that the server goes away', async () => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(program.console);
  const close = page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url);
        socket.onopen = () => console.log('open');
        socket.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
      }),
    program.echo,
  );
  await page.waitForEvent('console', (message) => message.text() === 'open');
  await program.stop();
  assert.deepEqual(await close, { code: 1001, wasClean: true });
  await context.close();
});
