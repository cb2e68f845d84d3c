// The cases of the `WebSocket` object: read for a transport, and run in a page. What the words of a case mean is in
// crates/websocket/tests/web_socket/README.md.

import { readFile } from 'node:fs/promises';

const file = new URL('../../crates/websocket/tests/web_socket/cases.json', import.meta.url);

/** The cases as they stand in the file. */
const written = JSON.parse(await readFile(file, 'utf8'));

/**
 * The cases for a transport to a server, with the log that Chromium makes; how many are left out for which reason,
 * and how many have a log that is not that of the Rust crate.
 */
export function casesFor(transport, server) {
  const [ws, http, port] = transport === 'ws' ? ['ws', 'http', 80] : ['wss', 'https', 443];
  const meanings = {
    '{ws}': ws,
    '{WS}': ws.toUpperCase(),
    '{http}': http,
    '{server}': server,
    '{default port}': port,
  };
  const here = (text) => text.replace(/\{[^{}]*\}/g, (name) => meanings[name] ?? name);
  const cases = [];
  const leftOut = {};
  let others = 0;
  for (const { name, url, path, transports, reason, log, chromium, ...rest } of written) {
    if (transports?.includes(transport) === false) {
      leftOut[reason] = (leftOut[reason] ?? 0) + 1;
      continue;
    }
    if (chromium) others++;
    const target = here(url ?? `{ws}://{server}${path}`);
    cases.push({ ...rest, name, url: target, path, log: (chromium ?? log).map(here) });
  }
  return { cases, leftOut, others };
}

/**
 * Runs the script of `{ url, path, protocols, cookie, calls }` and gives its log. It is given to the page as it stands
 * here, so it uses nothing from outside.
 */
export async function runCase({ url, path, protocols, cookie, calls }) {
  const log = [];
  if (cookie) {
    document.cookie = `${cookie}; path=${path.split('?')[0]}`;
    // Chromium sets it in another process, and does not wait for that; who reads then waits until it was done.
    void document.cookie;
  }
  let ws;
  try {
    ws = protocols === undefined ? new WebSocket(url) : new WebSocket(url, protocols);
  } catch (error) {
    return [`throws ${error.name}`];
  }

  const constants = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
  const look = {
    state: () => `${ws.readyState}`,
    constants: () => `[${constants.map((name) => `${WebSocket[name]}`).join(', ')}]`,
    buffered: () => `${ws.bufferedAmount}`,
    'binary-type': () => ws.binaryType,
    protocol: () => JSON.stringify(ws.protocol),
    extensions: () => JSON.stringify(ws.extensions),
    url: () => ws.url,
    origin: ({ origin }) => origin,
  };
  const repeated = (text) => {
    const [, part, count] = /^(.*)\*(\d+)$/su.exec(text) ?? [];
    return count === undefined ? text : part.repeat(Number(count));
  };
  const close = (argument) => {
    if (argument === '') return ws.close();
    const [code, ...reason] = argument.split(' ');
    ws.close(Number(code), repeated(reason.join(' ')));
  };
  const bytes = (count) => Uint8Array.from({ length: Number(count) }, (_, i) => i);
  const part = (from, to) => new Uint8Array(bytes(to).buffer, Number(from), to - from);
  const listeners = {};
  const listen = (type, name) => {
    const handleEvent = (event) => log.push(`${name} hears ${event.type}`);
    listeners[name] = [type, { handleEvent }];
    ws.addEventListener(...listeners[name]);
  };
  const handle = (type, name) => {
    ws[`on${type}`] = name ? (event) => log.push(`${name} hears ${event.type}`) : null;
  };
  const call = {
    times: (argument, event) => {
      const [count, ...line] = argument.split(' ');
      for (let i = 0; i < Number(count); i++) callOne(line.join(' '), event);
    },
    send: (text) => ws.send(repeated(text)),
    'send-back': (_, { data }) => ws.send(data),
    'send-bytes': (count) => ws.send(bytes(count)),
    'send-buffer': (count) => ws.send(bytes(count).buffer),
    'send-blob': (count) => ws.send(new Blob([bytes(count)])),
    'send-part': (range) => ws.send(part(...range.split(' '))),
    close,
    'binary-type': (type) => (ws.binaryType = type),
    listen: (argument) => listen(...argument.split(' ')),
    unlisten: (name) => ws.removeEventListener(...listeners[name]),
    handle: (argument) => handle(...argument.split(' ')),
    look: (what, event) => log.push(`${what} ${look[what](event)}`),
  };
  const callOne = (line, event) => {
    const [name] = line.split(' ', 1);
    call[name](line.slice(name.length + 1), event);
  };
  const callAll = (moment, event) => {
    for (const line of [calls?.[moment] ?? []].flat()) {
      try {
        callOne(line, event);
      } catch (error) {
        log.push(`throws ${error.name}`);
      }
    }
  };

  const shown = (data) => {
    if (data instanceof Blob) return `blob of ${data.size} bytes`;
    const isText = typeof data === 'string';
    const bytes = isText ? new TextEncoder().encode(data) : new Uint8Array(data);
    if (bytes.length > 64) return `${isText ? 'text of ' : ''}${bytes.length} bytes`;
    const hex = () => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return isText ? `text ${data}` : `bytes ${hex()}`;
  };
  const detail = {
    open: () => '',
    message: ({ data }) => ` ${shown(data)}`,
    error: () => '',
    close: ({ wasClean, code, reason }) =>
      ` ${wasClean ? 'clean' : 'unclean'} ${code}${reason && ` ${reason}`}`,
  };
  const closed = new Promise((resolve) => {
    for (const type of Object.keys(detail)) {
      let count = 0;
      ws.addEventListener(type, (event) => {
        log.push(`${type} ${ws.readyState}${detail[type](event)}`);
        callAll(type, event);
        callAll(`${type} ${++count}`, event);
        // Behind the other listeners of the same event.
        if (type === 'close') setTimeout(resolve);
      });
    }
  });
  callAll('new');
  await closed;
  return log;
}
