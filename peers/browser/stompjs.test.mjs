// @stomp/stompjs in Chromium: the scenarios of Node.js, run in a page of its own origin.

import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { launch, open, serveFiles } from '../lib/browser.mjs';
import { stompBundle } from '../lib/packages.mjs';
import { serve } from '../lib/program.mjs';
import { scenarios } from '../lib/stomp_scenarios.mjs';

const own = (name) => [name, fileURLToPath(new URL(`../lib/${name}`, import.meta.url))];
const FILES = Object.fromEntries([
  ['stomp.umd.js', stompBundle],
  ...['check.mjs', 'stomp_client.mjs', 'stomp_scenarios.mjs', 'wait.mjs'].map(own),
]);

let browser, site, program, page;

before(async () => {
  browser = await launch();
  site = await serveFiles(FILES);
  program = await serve('--allow-origin', site.origin);
  ({ page } = await open(browser, site.origin));
  await page.addScriptTag({ url: '/stomp.umd.js' });
});

after(async () => {
  await browser?.close();
  site?.close();
  await program?.stop();
});

for (const name of Object.keys(scenarios)) {
  test(name, () =>
    page.evaluate(
      async ({ name, url }) => {
        const { scenarios } = await import('/stomp_scenarios.mjs');
        await scenarios[name]({ StompJs: globalThis.StompJs, WebSocket, url });
      },
      { name, url: program.websocket },
    ));
}
