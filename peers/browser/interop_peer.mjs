// Chromium as a peer of `gumboot-interop`: a client.

import { fileURLToPath } from 'node:url';
import { launch, open, serveFiles } from '../lib/browser.mjs';
import { runPeer } from '../lib/interop_peer.mjs';

const file = 'interop.mjs';
const path = fileURLToPath(new URL(`../lib/${file}`, import.meta.url));

const [browser, files] = await Promise.all([launch(), serveFiles({ [file]: path })]);
try {
  const { page } = await open(browser, files.origin);
  const connect = (exchange, url) =>
    page.evaluate(
      async ({ file, exchange, url }) => (await import(`/${file}`)).connectInPage(exchange, url),
      { file, exchange, url },
    );
  const about = { name: `Chromium ${browser.version()}`, can: ['connect', 'deflate'] };
  await runPeer(about, { connect });
} finally {
  await browser.close();
  files.close();
}
