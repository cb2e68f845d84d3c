// The cases of the `WebSocket` object of the Rust crate, with Chromium's object: what the crate is tested for is what a
// browser does. Where it does otherwise, the case says so and why.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFile } from 'node:fs/promises';
import { launch, open, serveFiles } from '../lib/browser.mjs';
import { runCase } from '../lib/web_socket_cases.mjs';
import { startServer } from '../lib/web_socket_server.mjs';

const file = new URL('../../crates/websocket/tests/web_socket/cases.json', import.meta.url);
const cases = JSON.parse(await readFile(file, 'utf8'));

let browser, page, files, server;

before(async () => {
  [browser, files, server] = await Promise.all([launch(), serveFiles(), startServer()]);
  ({ page } = await open(browser, files.origin));
});

after(async () => {
  await browser?.close();
  files?.close();
  await server?.stop();
});

for (const { name, path, url, protocols, do: calls, log, chromium } of cases) {
  test(name, { timeout: 30_000 }, async () => {
    const here = (text) => text.replaceAll('{server}', server.host);
    const target = here(url ?? `ws://{server}${path}`);
    const seen = await page.evaluate(runCase, { url: target, protocols, calls });
    assert.deepEqual(seen, (chromium ?? log).map(here));
  });
}
