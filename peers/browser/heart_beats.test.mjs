// Heart-beats of @stomp/stompjs in Chromium: tabs that nobody looks at, and a server that falls silent.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, serveFiles } from '../lib/browser.mjs';
import { StompJs, WebSocket } from '../lib/packages.mjs';
import { serve } from '../lib/program.mjs';
import { connect } from '../lib/stomp_client.mjs';
import { openStomp, stompFiles } from '../lib/stomp_page.mjs';
import { Tabs } from '../lib/tabs.mjs';

/** Past two intervals of stompjs and a margin: who waits for no page has cut off a silent one by now. */
const HIDDEN_MS = 22_000;

let browser, tabs, site, program, other;

before(async () => {
  site = await serveFiles(stompFiles);
  browser = await launch();
  tabs = await Tabs.launch(site.origin);
  program = await serve('--allow-origin', site.origin);
  other = await connect({ StompJs, WebSocket, url: program.websocket });
});

after(async () => {
  await other?.disconnect();
  await browser?.close();
  await tabs?.close();
  site?.close();
  await program?.stop();
});

/** Opens a tab with a client of this class, and hides it behind another one. */
async function hidden(kind, topic) {
  const tab = await tabs.open();
  await tab.run(
    async ({ kind, url, topic }) => {
      const script = document.createElement('script');
      script.src = '/stomp.umd.js';
      const loaded = new Promise((resolve) => (script.onload = resolve));
      document.head.append(script);
      await loaded;
      const classes = await import('/stomp_heart_beats.mjs');
      const peer = { StompJs: globalThis.StompJs, WebSocket, url };
      globalThis.client = await classes[kind].start(peer, topic);
    },
    { kind, url: program.websocket, topic },
  );
  await tabs.open();
  await tab.run(async () => {
    if (document.visibilityState === 'hidden') return;
    await new Promise((resolve) => document.addEventListener('visibilitychange', resolve));
  });
  return tab;
}

// Each waits long, and for nothing that another does.
describe('heart-beats', { concurrency: true }, () => {
  test('a tab in the background stays connected and hears all', async () => {
    const topic = '/topic/background';
    const tab = await hidden('Background', topic);
    const witness = await other.subscribe(topic);
    other.send(topic, 'at once');
    other.send(topic, 'later', { delay: String(HIDDEN_MS) });
    for (const body of ['at once', 'later']) {
      assert.equal((await witness.next(HIDDEN_MS + 5000)).body, body);
    }
    const beats = await tab.run(() => globalThis.client.end(['at once', 'later']));
    assert.equal(beats, 0, 'beats that the page sent');
  });

  test('a frozen tab comes back, and nothing is missing', async () => {
    const topic = '/topic/frozen';
    const tab = await hidden('Returning', topic);
    await other.sendAndConfirm(topic, 'before');
    await tab.run(() => globalThis.client.expect('before'));
    // With this Chromium drops the connection.
    await tab.become('frozen');
    await other.sendAndConfirm(topic, 'meanwhile');
    await tab.become('active');
    await tab.run(() => globalThis.client.expect('meanwhile'));
    await other.sendAndConfirm(topic, 'afterwards');
    await tab.run(() => globalThis.client.expect('afterwards'));
    assert.equal(await tab.run(() => globalThis.client.end()), 2, 'connections');
  });

  test('a server that falls silent is noticed, and found again', async () => {
    const silent = await serve('--allow-origin', site.origin);
    try {
      const { page } = await openStomp(browser, site.origin);
      await page.evaluate(async (url) => {
        const { Watchful } = await import('/stomp_heart_beats.mjs');
        globalThis.watchful = new Watchful({ StompJs: globalThis.StompJs, WebSocket, url });
        await globalThis.watchful.connections.next();
        await globalThis.watchful.beat();
      }, silent.websocket);
      silent.pause();
      // stompjs bears two intervals, and looks once in each.
      const took = await page.evaluate(async () => {
        const start = performance.now();
        await globalThis.watchful.losses.next(5000);
        return performance.now() - start;
      });
      assert.ok(took > 1000, `not at once, after ${took} ms`);
      silent.resume();
      await page.evaluate(async () => {
        await globalThis.watchful.connections.next();
        await globalThis.watchful.end();
      });
    } finally {
      silent.resume();
      await silent.stop();
    }
  });
});
