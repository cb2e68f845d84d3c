// The console in Chromium: every control is used once, and each view is looked at in four shapes.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { launch, open } from '../lib/browser.mjs';
import { Console } from '../lib/console.mjs';
import { serve } from '../lib/program.mjs';

const SCREENSHOTS =
  process.env.GUMBOOT_SCREENSHOTS ??
  fileURLToPath(new URL('../../target/peers/screenshots', import.meta.url));
const DESK = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

/** Controls seen on any page; compared at the end with those that were used. */
const seen = new Set();

let browser, program;

before(async () => {
  browser = await launch();
  program = await serve();
  await mkdir(SCREENSHOTS, { recursive: true });
});

after(async () => {
  await browser?.close();
  await program?.stop();
});

/** Opens a view, does `use`, and checks that nothing went wrong meanwhile. */
async function withConsole(view, use, options = { viewport: DESK }) {
  const opened = await open(browser, `${program.console}#${view}`, options);
  const ui = new Console(opened.page);
  try {
    await use(ui, opened);
    for (const name of await ui.names()) seen.add(name);
    await ui.fits();
    assert.deepEqual(opened.problems, []);
  } finally {
    await opened.context.close();
  }
}

test('the tabs lead to the three views, by mouse and by key', () =>
  withConsole('websocket', async (ui) => {
    for (const view of ['stomp', 'server', 'websocket']) {
      await ui.click(`tab-${view}`);
      await ui.page.locator(`#view-${view}`).waitFor();
      assert.equal(new URL(ui.page.url()).hash, `#${view}`);
      assert.equal(await ui.page.locator('[role=tabpanel]:visible').count(), 1);
    }
    await ui.control('tab-websocket').press('ArrowRight');
    await ui.page.locator('#view-stomp').waitFor();
    await ui.control('tab-stomp').press('End');
    await ui.page.locator('#view-server').waitFor();
  }));

test('the theme switch changes the colours and is remembered', () =>
  withConsole('websocket', async (ui) => {
    const background = () => ui.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await ui.pick('theme-light');
    const light = await background();
    await ui.pick('theme-dark');
    const dark = await background();
    assert.notEqual(dark, light);
    await ui.page.reload();
    assert.equal(await background(), dark);
    await ui.pick('theme-system');
    await ui.page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await background(), light);
  }));

test('the WebSocket view opens, sends, receives and closes', () =>
  withConsole('websocket', async (ui) => {
    await ui.shows('ws-ready-state', 'no socket');
    assert.equal(await ui.control('ws-url').inputValue(), program.echo);
    await ui.choose('ws-binary-type', 'arraybuffer');
    await ui.click('ws-open');
    await ui.shows('ws-ready-state', '1 OPEN');
    await ui.shows('ws-property-protocol', '""');
    await ui.shows('ws-property-extensions', (await extensions(ui.page)) || '""');
    await ui.shows('ws-property-buffered', '0 bytes');
    await ui.shows('ws-property-binary-type', 'arraybuffer');

    await ui.pick('ws-mode-text');
    await ui.fill('ws-text', 'Grüße 🥾');
    await ui.click('ws-send');
    // Sent and echoed.
    await ui.entries('ws', 'message', 'Grüße 🥾').nth(1).waitFor();
    assert.match(await ui.entry('ws', 'message', 'Grüße'), /↓[^]*12 bytes/);

    await ui.pick('ws-mode-hex');
    await ui.fill('ws-hex', '00 7f 80 ff');
    await ui.control('ws-hex').press('Enter');
    await ui.entries('ws', 'message', '00 7f 80 ff').nth(1).waitFor();
    assert.match(await ui.entry('ws', 'message', '00 7f 80 ff'), /ArrayBuffer[^]*4 bytes/);

    await ui.pick('ws-mode-file');
    const file = { name: 'boot.bin', mimeType: 'application/octet-stream' };
    await ui.control('ws-file').setInputFiles({ ...file, buffer: Buffer.alloc(70_000, 0x42) });
    await ui.click('ws-send');
    await ui.entries('ws', 'message', '70,000 bytes').nth(1).waitFor();

    await ui.fill('ws-close-code', '3000');
    await ui.fill('ws-close-reason', 'that is all');
    await ui.click('ws-close');
    await ui.shows('ws-ready-state', '3 CLOSED');
    assert.match(await ui.entry('ws', 'close', 'wasClean'), /3000[^]*wasClean[^]*true/);
  }));

/** What a WebSocket of the page's own negotiates with the echo. */
function extensions(page) {
  return page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const ws = new WebSocket(url);
        ws.onclose = () => resolve('no connection');
        ws.onopen = () => resolve(ws.extensions);
      }),
    program.echo,
  );
}

test('the WebSocket view explains what a browser would refuse', () =>
  withConsole('websocket', async (ui) => {
    await ui.fill('ws-url', 'ftp://127.0.0.1/');
    await ui.click('ws-open');
    await ui.shows('ws-url-error', /ws:\/\/ or wss:\/\//);
    await ui.fill('ws-url', program.websocket);
    await ui.fill('ws-protocols', 'with space');
    await ui.click('ws-open');
    await ui.shows('ws-protocols-error', /with space/);
    await ui.fill('ws-protocols', 'v10.stomp, v12.stomp');
    await ui.click('ws-open');
    await ui.shows('ws-property-protocol', 'v12.stomp');
    await ui.fill('ws-close-code', '1001');
    await ui.click('ws-close');
    await ui.shows('ws-close-code-error', /1000 or 3000 to 4999/);
    await ui.fill('ws-close-code', '1000');
    await ui.click('ws-close');
    await ui.shows('ws-ready-state', '3 CLOSED');
  }));

test("the WebSocket log's tools", () =>
  withConsole('websocket', async (ui, { context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await ui.click('ws-open');
    await ui.shows('ws-ready-state', '1 OPEN');
    const long = JSON.stringify({ list: Array.from({ length: 60 }, (_, index) => index) });
    await sendText(ui, long);
    await ui.entries('ws', 'message').nth(1).waitFor();

    await ui.click('ws-log-expand');
    assert.match(await ui.entry('ws', 'message'), /"list": \[\n +0,\n[^]* 59\n/);
    await ui.control('ws-log-pretty').uncheck();
    assert.match(await ui.entry('ws', 'message'), /\{"list":\[0,1,2/);
    await ui.entries('ws', 'message').last().hover();
    await ui.click('ws-log-copy');
    await ui.page.getByText('Entry copied').waitFor({ state: 'attached' });
    const copied = await ui.page.evaluate(() => navigator.clipboard.readText());
    assert.ok(copied.endsWith(long), copied);

    await ui.choose('ws-log-kind', 'out');
    await ui.shows('ws-log-counts', '4 entries, 1 shown');
    await ui.choose('ws-log-kind', 'all');
    await ui.fill('ws-log-filter', 'THE CONNECTION IS OPEN');
    await ui.shows('ws-log-counts', '4 entries, 1 shown');
    await ui.fill('ws-log-filter', '');
    await ui.shows('ws-log-counts', '4 entries');

    await ui.click('ws-log-pause');
    await sendText(ui, 'held back');
    await ui.shows('ws-log-counts', '4 entries · paused, 2 held back');
    await ui.click('ws-log-pause');
    await ui.entries('ws', 'message', 'held back').nth(1).waitFor();

    for (let number = 0; number < 12; number++) await sendText(ui, `line ${number}`);
    await ui.entries('ws', 'message', 'line 11').nth(1).waitFor();
    await ui.control('ws-log-scroller').evaluate((scroller) => (scroller.scrollTop = 0));
    await sendText(ui, 'below');
    await ui.click('ws-log-jump');
    const end = await ui.control('ws-log-scroller').evaluate(
      ({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight,
    );
    assert.ok(end < 2, `${end} px from the end`);

    await ui.click('ws-log-clear');
    await ui.shows('ws-log-counts', '0 entries');
    await ui.click('ws-close');
    await ui.shows('ws-ready-state', '3 CLOSED');
  }));

async function sendText(ui, text) {
  await ui.fill('ws-text', text);
  await ui.control('ws-text').press('Enter');
}

test('the STOMP view connects, subscribes, sends and disconnects', () =>
  withConsole('stomp', async (ui) => {
    assert.equal(await ui.control('stomp-url').inputValue(), program.websocket);
    await openSettings(ui);
    await ui.fill('stomp-login', 'somebody');
    await ui.fill('stomp-passcode', 'a:b\\c');
    await ui.fill('stomp-host', '/');
    await ui.fill('stomp-beat-out', '1000');
    await ui.fill('stomp-beat-in', '1000');
    await ui.control('stomp-version-1.0').uncheck();
    await ui.control('stomp-version-1.2').uncheck();
    await ui.control('stomp-version-1.1').check();
    await ui.control('stomp-version-1.2').check();
    await ui.click('stomp-connect');
    await ui.shows('stomp-state', 'connected · STOMP 1.2');
    await ui.shows('stomp-session-version', '1.2, v12.stomp');
    const connect = await ui.entry('stomp', 'CONNECT');
    assert.match(connect, /accept-version\s+1\.2,1\.1|accept-version\s+1\.1,1\.2/);
    assert.match(connect, /heart-beat\s+1000,1000/);
    assert.ok(!connect.includes('a:b\\c'), 'the passcode is not shown');
    assert.match(await ui.entry('stomp', 'CONNECTED'), /version\s+1\.2/);

    await subscribe(ui, '/topic/red', 'red');
    await subscribe(ui, '/topic/blue');
    await ui.shows('stomp-subscriptions-count', '2');

    await ui.fill('stomp-send-destination', '/topic/red');
    await ui.fill('stomp-content-type', 'application/json');
    await ui.click('stomp-header-add');
    await ui.fill('stomp-header-name', 'colour');
    await ui.fill('stomp-header-value', 'a:b\\c');
    await ui.click('stomp-header-add');
    await ui.click('stomp-header-remove');
    await ui.fill('stomp-body', '{"hello":"STOMP"}');
    await ui.control('stomp-receipt').check();
    await ui.click('stomp-send');
    await ui.shows('stomp-send-result', /^Receipt .* came after \d+ ms$/);
    const message = await ui.entry('stomp', 'MESSAGE', '/topic/red');
    assert.match(message, /colour\s+a:b\\c/);
    assert.match(message, /content-type\s+application\/json/);
    assert.match(message, /"hello": "STOMP"/);
    await ui.entry('stomp', 'RECEIPT');
    await ui.shows('stomp-session-last-beat', /out \d+ s ago, in \d+ s ago/);

    await ui.click('stomp-unsubscribe');
    await ui.entry('stomp', 'UNSUBSCRIBE');
    await ui.shows('stomp-subscriptions-count', '1');
    await ui.click('stomp-disconnect');
    await ui.shows('stomp-state', 'closed');
    assert.match(await ui.entry('stomp', 'closed'), /wasClean\s+true/);
  }));

test('the STOMP view shows an ERROR and the close after it', () =>
  withConsole('stomp', async (ui) => {
    await ui.click('stomp-connect');
    await ui.shows('stomp-state', /^connected/);
    await ui.fill('stomp-send-destination', '/nowhere/x');
    await ui.click('stomp-send');
    assert.match(await ui.entry('stomp', 'ERROR'), /\/topic\//);
    await ui.shows('stomp-state', 'closed');
  }));

test("the STOMP log's tools", () =>
  withConsole('stomp', async (ui, { context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await ui.click('stomp-connect');
    await ui.shows('stomp-state', /^connected/);
    await subscribe(ui, '/topic/red', 'red');
    await subscribe(ui, '/topic/blue', 'blue');
    const long = JSON.stringify({ list: Array.from({ length: 60 }, (_, index) => index) });
    await sendFrame(ui, '/topic/red', long);
    await sendFrame(ui, '/topic/blue', 'for blue');
    await ui.entry('stomp', 'MESSAGE', 'for blue');

    await ui.choose('stomp-log-kind', 'MESSAGE');
    await ui.shows('stomp-log-counts', /, 2 shown$/);
    await ui.choose('stomp-log-subscription', 'red');
    await ui.shows('stomp-log-counts', /, 1 shown$/);
    await ui.click('stomp-log-expand');
    assert.match(await ui.entry('stomp', 'MESSAGE'), /"list": \[\n +0,\n[^]* 59\n/);
    await ui.control('stomp-log-pretty').uncheck();
    assert.match(await ui.entry('stomp', 'MESSAGE'), /\{"list":\[0,1,2/);
    await ui.control('stomp-log-wire').check();
    const wire = await ui.entry('stomp', 'MESSAGE');
    assert.match(wire, /^MESSAGE↵$/m);
    assert.match(wire, /^destination:\/topic\/red↵$/m);
    assert.match(wire, /\^@/);
    await ui.entries('stomp', 'MESSAGE').last().hover();
    await ui.click('stomp-log-copy');
    await ui.page.getByText('Entry copied').waitFor({ state: 'attached' });
    const copied = await ui.page.evaluate(() => navigator.clipboard.readText());
    assert.ok(copied.includes(long), copied);
    await ui.control('stomp-log-wire').uncheck();
    await ui.choose('stomp-log-subscription', '');
    await ui.choose('stomp-log-kind', 'all');

    // The last of the two subscriptions is blue.
    await ui.click('stomp-subscription-only');
    await ui.entries('stomp', 'MESSAGE', '/topic/red').waitFor({ state: 'detached' });
    assert.equal(await ui.entries('stomp', 'MESSAGE').count(), 1);
    await ui.click('stomp-subscription-only');
    await ui.fill('stomp-log-filter', 'for blue');
    await ui.shows('stomp-log-counts', /, 2 shown$/);
    await ui.fill('stomp-log-filter', '');

    await ui.click('stomp-log-pause');
    await sendFrame(ui, '/topic/blue', 'held back');
    await ui.shows('stomp-log-counts', /paused, [2-9] held back$/);
    await ui.click('stomp-log-pause');
    await ui.entry('stomp', 'MESSAGE', 'held back');

    for (let number = 0; number < 8; number++) await sendFrame(ui, '/topic/red', `line ${number}`);
    await ui.entry('stomp', 'MESSAGE', 'line 7');
    await ui.control('stomp-log-scroller').evaluate((scroller) => (scroller.scrollTop = 0));
    await sendFrame(ui, '/topic/red', 'below');
    await ui.click('stomp-log-jump');
    await ui.click('stomp-log-clear');
    await ui.shows('stomp-log-counts', /^[01] entr/);
  }));

/** The settings may stand open at first; either way the summary is used. */
async function openSettings(ui) {
  const login = ui.page.locator('#stomp-login');
  const wasOpen = await login.isVisible();
  await ui.click('stomp-settings-summary');
  await login.waitFor({ state: wasOpen ? 'hidden' : 'visible' });
  if (wasOpen) await ui.click('stomp-settings-summary');
  await login.waitFor();
}

async function subscribe(ui, destination, id = '') {
  await ui.fill('stomp-subscribe-destination', destination);
  await ui.fill('stomp-subscribe-id', id);
  await ui.click('stomp-subscribe');
  await ui.entry('stomp', 'SUBSCRIBE', destination);
}

async function sendFrame(ui, destination, body) {
  await ui.fill('stomp-send-destination', destination);
  await ui.fill('stomp-body', body);
  await ui.control('stomp-body').press('Control+Enter');
}

test("the server view shows the server's figures", () =>
  withConsole('server', async (ui, { context }) => {
    await ui.shows('server-status-text', 'Live');
    await ui.shows('server-version', /^\d+\.\d+\.\d+|gumboot/);
    await ui.shows('server-uptime', /\d/);
    await ui.shows('server-connections', /^[1-9]\d*$/);
    await ui.shows('server-subscriptions', /^[1-9]\d*$/);
    await ui.shows('server-messages-out-total', /^[1-9]/);
    await ui.shows('server-bytes-out-total', /^[1-9]/);

    await ui.page.locator('#server-chart-empty').waitFor({ state: 'hidden' });
    await ui.pick('server-chart-bytes');
    await ui.shows('server-chart-out', /B\/s$/);
    await ui.pick('server-chart-messages');
    await ui.shows('server-chart-out', /^[\d.]+\/s$/);
    await ui.control('server-chart').focus();
    await ui.control('server-chart').press('ArrowLeft');
    await ui.shows('server-chart-time', /\d\d:\d\d:\d\d|ago|now/);

    const other = await context.newPage();
    await other.goto(`${program.console}#stomp`);
    const stomp = new Console(other);
    await stomp.click('stomp-connect');
    await stomp.shows('stomp-state', /^connected/);
    for (const id of ['one', 'two']) await subscribe(stomp, '/topic/busy', id);
    const row = ui.page.locator('#server-destinations > tr');
    await row.filter({ hasText: '/topic/busy' }).filter({ hasText: '2' }).waitFor();
    await other.close();
    await row.filter({ hasText: '/topic/busy' }).waitFor({ state: 'detached' });

    await ui.click('server-sort-destination');
    await ui.click('server-sort-subscribers');
    await ui.click('server-destination-watch');
    await ui.page.locator('#view-stomp').waitFor();
    const asked = await ui.control('stomp-subscribe-destination').inputValue();
    assert.equal(asked, '/topic/$SYS/stats');
  }));

test('the server view comes back after a loss', async (t) => {
  const lost = await serve();
  t.after(lost.stop);
  const { page, context } = await open(browser, `${lost.console}#server`, { viewport: DESK });
  t.after(() => context.close());
  const ui = new Console(page);
  await ui.shows('server-status-text', 'Live');
  await lost.stop();
  await ui.shows('server-status-text', /^Reconnecting in \d+ s$/);
  const again = await serve('--listen', new URL(lost.console).host);
  t.after(again.stop);
  await ui.click('server-retry');
  await ui.shows('server-status-text', 'Live');
});

test('the server view logs in as the STOMP view does', async (t) => {
  const guarded = await serve('--user', 'alice:secret');
  t.after(guarded.stop);
  const { page, context } = await open(browser, `${guarded.console}#server`, { viewport: DESK });
  t.after(() => context.close());
  const ui = new Console(page);
  await ui.shows('server-status-text', /^Login refused: /);
  await page.goto(`${guarded.console}#stomp`);
  await ui.click('stomp-settings-summary');
  await ui.fill('stomp-login', 'alice');
  await ui.fill('stomp-passcode', 'secret');
  await page.locator('#tab-server').click();
  await ui.shows('server-status-text', 'Live');
});

for (const [width, viewport] of [[390, PHONE], [1440, DESK]]) {
  for (const colorScheme of ['light', 'dark']) {
    const options = { viewport, colorScheme, reducedMotion: 'reduce' };
    const picture = (view) => path.join(SCREENSHOTS, `${view}-${width}-${colorScheme}.png`);

    test(`the WebSocket view at ${width} px, ${colorScheme}`, () =>
      withConsole('websocket', async (ui) => {
        await ui.click('ws-open');
        await ui.shows('ws-ready-state', '1 OPEN');
        for (const text of ['Hello WebSockets!', '{"a": [1, 2, {"b": "text"}]}', 'x'.repeat(900)]) {
          await sendText(ui, text);
        }
        await ui.entries('ws', 'message').nth(5).waitFor();
        if (viewport === PHONE) await ui.click('ws-log-link');
        await ui.page.screenshot({ path: picture('websocket'), fullPage: true });
      }, options));

    test(`the STOMP view at ${width} px, ${colorScheme}`, () =>
      withConsole('stomp', async (ui) => {
        await ui.click('stomp-connect');
        await ui.shows('stomp-state', /^connected/);
        await subscribe(ui, '/topic/hello');
        await subscribe(ui, `/topic/${'a-long-name/'.repeat(8)}`);
        await sendFrame(ui, '/topic/hello', '{"hello": "STOMP", "list": [1, 2, 3]}');
        await ui.entry('stomp', 'MESSAGE');
        if (viewport === PHONE) await ui.click('stomp-log-link');
        await ui.page.screenshot({ path: picture('stomp'), fullPage: true });
      }, options));

    test(`the server view at ${width} px, ${colorScheme}`, () =>
      withConsole('server', async (ui) => {
        await ui.page.locator('#server-chart-empty').waitFor({ state: 'hidden' });
        await ui.page.screenshot({ path: picture('server'), fullPage: true });
      }, options));
  }
}

test('no control of the console is left unused', () => {
  assert.deepEqual([...seen].filter((name) => !Console.used.has(name)), []);
});
