// The npm packages that the tests use.
//
// They are installed below the target folder and not beside the tests, so a bare `import` would not
// find them. Outside of `cargo xtask test`, GUMBOOT_NODE_MODULES may name the folder.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The folder of the installed packages. */
export const modules =
  process.env.GUMBOOT_NODE_MODULES ?? path.join(root, 'target/peers/npm/node_modules');

const require = createRequire(path.join(modules, 'tests.cjs'));

/** npm's `ws`: the raw WebSocket client, and a server. */
export const { WebSocket, WebSocketServer } = require('ws');

/** Its version. */
export const { version: wsVersion } = require('ws/package.json');

/** `@stomp/stompjs`, as Node.js loads it. */
export const StompJs = require('@stomp/stompjs');

/** `@stomp/stompjs`, as a page loads it. */
export const stompBundle = path.join(modules, '@stomp/stompjs/bundles/stomp.umd.js');

/** Playwright's driver of Chromium; loaded where a browser is used, since it is large. */
export const loadChromium = () => require('playwright-core').chromium;
