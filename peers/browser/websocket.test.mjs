// The browser's own WebSocket: a program as anyone would write it, and who may connect.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, serveFiles } from '../lib/browser.mjs';
import { serve } from '../lib/program.mjs';

let browser, friend, stranger, program;

before(async () => {
  browser = await launch();
  friend = await serveFiles();
  stranger = await serveFiles();
  program = await serve('--allow-origin', friend.origin);
});

after(async () => {
  await browser?.close();
  friend?.close();
  stranger?.close();
  await program?.stop();
});

test('the example program logs its three lines in order', async () => {
  const { page, context, logged, problems } = await open(browser, program.console);
  const closed = page.waitForEvent('console', (message) => message.text() === 'Connection closed.');
  await page.evaluate((URL) => {
    var ws = new WebSocket(URL);
    ws.onopen = function(evt) { console.log("Connection open ..."); ws.send("Hello WebSockets!"); };
    ws.onmessage = function(evt) { console.log("Received Message: " + evt.data); ws.close(); };
    ws.onclose = function(evt) { console.log("Connection closed."); };
  }, program.echo);
  await closed;
  assert.deepEqual(logged, [
    'Connection open ...',
    'Received Message: Hello WebSockets!',
    'Connection closed.',
  ]);
  assert.deepEqual(problems, []);
  await context.close();
});

test('the close event tells the code, the reason and that it was clean', async () => {
  const { page, context } = await open(browser, program.console);
  const close = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const ws = new WebSocket(url);
        ws.onopen = () => ws.close(4321, 'enough');
        ws.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
      }),
    program.echo,
  );
  assert.deepEqual(close, { code: 4321, wasClean: true });
  await context.close();
});

test('a Blob and an ArrayBuffer come back as they were sent', async () => {
  const { page, context } = await open(browser, program.console);
  const back = await page.evaluate(
    (url) =>
      new Promise((resolve, reject) => {
        const ws = new WebSocket(url);
        const back = [];
        ws.binaryType = 'arraybuffer';
        ws.onerror = reject;
        ws.onopen = () => {
          ws.send(new Blob(['a blob']));
          ws.send(Uint8Array.of(0, 127, 128, 255).buffer);
        };
        ws.onmessage = ({ data }) => {
          back.push(Array.from(new Uint8Array(data)));
          if (back.length === 2) resolve(back);
        };
      }),
    program.echo,
  );
  assert.deepEqual(back, [[...Buffer.from('a blob')], [0, 127, 128, 255]]);
  await context.close();
});

/** What a page of this origin sees when it connects: the code of its close, or "open". */
async function connectFrom(origin, url) {
  const { page, context } = await open(browser, origin);
  const seen = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const ws = new WebSocket(url);
        ws.onopen = () => resolve('open');
        ws.onclose = ({ code }) => resolve(code);
      }),
    url,
  );
  await context.close();
  return seen;
}

test('a page of a foreign origin is refused', async () => {
  const { page, context } = await open(browser, stranger.origin);
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  const status = new Promise((resolve) => {
    session.on('Network.webSocketHandshakeResponseReceived', ({ response }) => {
      resolve(response.status);
    });
    session.on('Network.webSocketFrameError', ({ errorMessage }) => resolve(errorMessage));
  });
  await page.evaluate((url) => void new WebSocket(url), program.echo);
  assert.match(String(await status), /403/);
  await context.close();
  for (const url of [program.echo, program.websocket]) {
    assert.equal(await connectFrom(stranger.origin, url), 1006);
  }
});

test('a page of an origin named with --allow-origin is let in', async () => {
  for (const url of [program.echo, program.websocket]) {
    assert.equal(await connectFrom(friend.origin, url), 'open');
  }
});

test("the console's own origin needs no flag", async () => {
  assert.equal(await connectFrom(program.console, program.echo), 'open');
});
