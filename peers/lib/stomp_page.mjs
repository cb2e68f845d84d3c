// A page with @stomp/stompjs and what its tests share.

import { fileURLToPath } from 'node:url';
import { open } from './browser.mjs';
import { stompBundle } from './packages.mjs';

const SHARED = [
  'check',
  'stomp_acknowledging',
  'stomp_client',
  'stomp_delivering',
  'stomp_durable',
  'stomp_heart_beats',
  'stomp_scenarios',
  'stomp_transactions',
  'stomp_versions',
  'wait',
].map((name) => `${name}.mjs`);

const own = (name) => [name, fileURLToPath(new URL(name, import.meta.url))];

/** The files of a site on which `openStomp` opens pages. */
export const stompFiles = Object.fromEntries([['stomp.umd.js', stompBundle], ...SHARED.map(own)]);

/** A page of `origin` with stompjs. */
export async function openStomp(browser, origin) {
  const opened = await open(browser, origin);
  await opened.page.addScriptTag({ url: '/stomp.umd.js' });
  return opened;
}
