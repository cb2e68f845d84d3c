// From TCP into the browser and back: stomp.py and stompjs in Chromium on the same topics.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, serveFiles } from '../lib/browser.mjs';
import { serve } from '../lib/program.mjs';
import { openStomp, stompFiles } from '../lib/stomp_page.mjs';
import { connectTcp } from '../lib/tcp_client.mjs';

const NOTE = 'a:b c\\d ü';

let browser, site, program, page, tcp;

before(async () => {
  browser = await launch();
  site = await serveFiles(stompFiles);
  program = await serve('--allow-origin', site.origin);
  tcp = connectTcp(program.stomp);
  ({ page } = await openStomp(browser, site.origin));
  await page.evaluate(async (url) => {
    const { connect } = await import('/stomp_client.mjs');
    globalThis.stomp = await connect({ StompJs: globalThis.StompJs, WebSocket, url });
  }, program.websocket);
});

after(async () => {
  await page?.evaluate(() => globalThis.stomp?.disconnect().then(() => {}));
  const status = await tcp?.disconnect();
  await browser?.close();
  site?.close();
  await program?.stop();
  assert.equal(status, 0, 'stomp.py ended well');
});

for (const [name, body] of [
  ['text', Buffer.from('Grüße aus TCP 🥾')],
  ['bytes', Buffer.from(Array.from({ length: 256 }, (_, index) => index))],
  ['large', Buffer.alloc(1024 * 1024, 'gumboot ')],
]) {
  test(`a message of stomp.py arrives in the browser: ${name}`, async () => {
    const topic = `/topic/to-browser/${name}`;
    const subscribe = (topic) =>
      globalThis.stomp.subscribe(topic).then((inbox) => void (globalThis.inbox = inbox));
    await page.evaluate(subscribe, topic);
    await tcp.send(topic, body, { note: NOTE });
    const message = await page.evaluate(async () => {
      const { headers, binaryBody } = await globalThis.inbox.next();
      return { headers, bytes: Array.from(binaryBody) };
    });
    assert.ok(Buffer.from(message.bytes).equals(body));
    assert.deepEqual([message.headers.destination, message.headers.note], [topic, NOTE]);
  });

  test(`a message of the browser arrives at stomp.py: ${name}`, async () => {
    const topic = `/topic/to-tcp/${name}`;
    await tcp.subscribe(topic);
    await page.evaluate(
      async ({ topic, bytes, note }) => {
        await globalThis.stomp.sendAndConfirm(topic, Uint8Array.from(bytes), { note });
      },
      { topic, bytes: [...body], note: NOTE },
    );
    const message = await tcp.messages.next();
    assert.equal(message.topic, topic);
    assert.ok(message.body.equals(body));
    assert.equal(message.headers.note, NOTE);
  });
}
