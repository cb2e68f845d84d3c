// The cases of the `WebSocket` object of the Rust crate, with Chromium's object, over each transport: what the crate is
// tested for is what a browser does. Where it does otherwise, the case says so and why.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, open } from '../lib/browser.mjs';
import { casesFor, runCase } from '../lib/web_socket_cases.mjs';
import { TRANSPORTS, startServer } from '../lib/web_socket_server.mjs';

/** How many cases run at a time in one page. Chromium slows down pages with many more connections under way. */
const AT_A_TIME = 8;

const server = await startServer();
let browser;

before(async () => {
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server.stop();
});

for (const transport of TRANSPORTS) {
  describe(transport, () => {
    const host = server.hosts[transport];
    const origin = `${transport === 'ws' ? 'http' : 'https'}://${host}`;
    const { cases, leftOut, others } = casesFor(transport, host);
    let page, context;

    before(async () => {
      // The page comes from the server itself, so that there is a connection of HTTP/2 that its WebSockets can use.
      ({ page, context } = await open(browser, origin, { ignoreHTTPSErrors: true }));
    });

    after(async () => {
      await context?.close();
    });

    describe('cases', { concurrency: AT_A_TIME }, () => {
      for (const { name, log, do: calls, ...rest } of cases) {
        test(name, { timeout: 30_000 }, async () => {
          assert.deepEqual(await page.evaluate(runCase, { ...rest, calls }), log);
        });
      }
    });

    test('the handshakes had the right version of HTTP', async (t) => {
      const seen = await page.evaluate(async () => (await fetch('/handshakes')).json());
      const opened = cases.filter(({ log }) => log.includes('open 1')).length;
      const [right, wrong] = transport === 'http2' ? ['http2', 'http1'] : ['http1', 'http2'];
      assert.equal(seen[wrong], 0);
      assert.equal(seen.mistaken, 0, 'the server could not do what a path says');
      assert.ok(seen[right] >= opened, `${seen[right]} handshakes, ${opened} open`);
      t.diagnostic(`${transport}: ${cases.length} cases run, ${seen[right]} handshakes`);
      t.diagnostic(`${transport}: ${others} of them with a log of Chromium's own, which is explained`);
      for (const [reason, count] of Object.entries(leftOut)) {
        t.diagnostic(`${transport}: ${count} left out: ${reason}`);
      }
    });
  });
}
