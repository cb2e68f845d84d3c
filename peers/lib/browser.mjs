// Chromium, headless, driven by playwright-core; and small pages of other origins.

import http from 'node:http';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { loadChromium } from './packages.mjs';

const executablePath = process.env.GUMBOOT_CHROMIUM ?? '/usr/bin/chromium';

/** The bound of every wait of playwright. */
const WAIT_MS = 10_000;

/** Without these Chromium asks hosts of its own at each start; the sandbox is not for root. */
const SWITCHES = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a browser with an empty profile; with more switches, and without some of playwright's. */
export function launch(switches = [], ignoreDefaultArgs = []) {
  const args = [...SWITCHES, ...switches];
  return loadChromium().launch({ executablePath, args, ignoreDefaultArgs, timeout: 30_000 });
}

/** A page in a context of its own, with what it logs and what goes wrong in it. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const logged = [];
  const problems = [];
  page.on('console', (message) => {
    const text = message.text();
    if (['error', 'warning'].includes(message.type())) problems.push(text);
    else logged.push(text);
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('requestfailed', (request) => problems.push(`request failed: ${request.url()}`));
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(url);
  return { page, context, logged, problems };
}

/** Serves `files`, a path for each name, and an empty page at `/`; `close` ends it. */
export async function serveFiles(files = {}) {
  const server = http.createServer(async (request, response) => {
    const name = request.url.slice(1);
    if (name === '') return response.setHeader('content-type', 'text/html').end(EMPTY_PAGE);
    if (!Object.hasOwn(files, name)) return response.writeHead(404).end();
    response.setHeader('content-type', 'text/javascript').end(await readFile(files[name]));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { origin, close };
}

const EMPTY_PAGE =
  '<!doctype html><html lang="en"><title>A page of its own</title><link rel="icon" href="data:,">';
