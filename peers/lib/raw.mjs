// What a well-behaved client library will not send: upgrade requests and frames made by hand.

import http from 'node:http';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from './packages.mjs';
import { Inbox, within } from './wait.mjs';

/**
 * Asks for an upgrade with exactly these headers besides the necessary ones; gives the answer's
 * status and headers. An undefined header is left out.
 */
export async function upgrade(url, headers = {}) {
  const all = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers,
  };
  const request = http.request(url.replace(/^ws:/, 'http:'), { headers: defined(all) });
  request.end();
  const answered = new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => resolve(response.resume()));
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response);
    });
  });
  const { statusCode, headers: given } = await within(answered, `answer from ${url}`);
  return { status: statusCode, headers: given };
}

/** Opens a WebSocket whose messages go to `inbox` and whose close is the promise `closed`. */
export async function open(url, protocols = [], options = {}) {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
  socket.inbox = new Inbox('message');
  socket.on('message', (data, isBinary) => socket.inbox.put({ data, isBinary }));
  socket.pongs = new Inbox('pong');
  socket.on('pong', (data) => socket.pongs.put(data));
  socket.closed = new Promise((resolve) => {
    socket.on('close', (code, reason) => {
      socket.inbox.end(`closed with ${code} ${reason}`);
      resolve({ code, reason: reason.toString() });
    });
  });
  await within(once(socket, 'open'), `open of ${url}`);
  // After this an error, such as a reset, is followed by a close that tells it.
  socket.on('error', () => {});
  return socket;
}

/** Writes one masked frame by hand: `first` is its first byte, with FIN and the opcode. */
export function writeFrame(socket, first, payload) {
  const bytes = Buffer.from(payload);
  if (bytes.length > 125) throw new RangeError('only short frames are made by hand');
  const mask = randomBytes(4);
  const masked = bytes.map((byte, index) => byte ^ mask[index % 4]);
  socket._socket.write(Buffer.concat([Buffer.of(first, 0x80 | bytes.length), mask, masked]));
}

function defined(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
}
