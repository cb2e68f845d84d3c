// @stomp/stompjs in Chromium: the scenarios of Node.js, run in a page of its own origin.

import { after, before, test } from 'node:test';
import { launch, serveFiles } from '../lib/browser.mjs';
import { serve } from '../lib/program.mjs';
import { openStomp, stompFiles } from '../lib/stomp_page.mjs';
import { scenarios } from '../lib/stomp_scenarios.mjs';

let browser, site, program, page;

before(async () => {
  browser = await launch();
  site = await serveFiles(stompFiles);
  program = await serve('--allow-origin', site.origin);
  ({ page } = await openStomp(browser, site.origin));
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
