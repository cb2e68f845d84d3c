// npm's ws as a peer of `gumboot-interop`, in both roles.

import { once } from 'node:events';
import { Talk, cut } from '../lib/interop.mjs';
import { runPeer } from '../lib/interop_peer.mjs';
import { WebSocket, WebSocketServer, wsVersion } from '../lib/packages.mjs';

/** The option of ws for the compression that an exchange sets; by default, ws compresses what is longer than 1 KiB. */
function deflateOf(set) {
  if (!set || set.off) return !set;
  return {
    threshold: 0,
    serverNoContextTakeover: set.server_no_takeover,
    clientNoContextTakeover: set.client_no_takeover,
    serverMaxWindowBits: set.server_bits,
    clientMaxWindowBits: set.client_bits,
  };
}

function talkOver(ws, exchange, role) {
  const talk = new Talk(exchange, role, {
    send(message) {
      cut(message).forEach((piece, index) => {
        if (index > 0) ws.ping(talk.nextPing());
        ws.send(piece, { binary: !message.isText, fin: index + 1 === message.pieces });
      });
    },
    close: (code, reason) => ws.close(code, reason),
  });
  ws.on('message', (data, isBinary) => talk.onMessage(!isBinary, data));
  ws.on('pong', (data) => talk.onPong(data.toString()));
  ws.on('error', (error) => talk.onError(error));
  ws.on('close', (code, reason) => talk.onClose(code, reason.toString(), code !== 1006));
  return talk;
}

function connect(exchange, url) {
  const perMessageDeflate = deflateOf(exchange.offer);
  const ws = new WebSocket(url, exchange.protocols ?? [], { perMessageDeflate });
  const talk = talkOver(ws, exchange, 'client');
  let extensions;
  ws.on('upgrade', ({ headers }) => (extensions = headers['sec-websocket-extensions'] ?? ''));
  ws.on('open', () => talk.onOpen({ protocol: ws.protocol, extensions }));
  return talk.done;
}

async function serve(exchange) {
  const speaks = exchange.speaks ?? [];
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: deflateOf(exchange.answer),
    handleProtocols: (offered) => speaks.find((name) => offered.has(name)) ?? false,
  });
  await once(server, 'listening');
  const report = once(server, 'connection').then(([ws]) => {
    server.close();
    const talk = talkOver(ws, exchange, 'server');
    talk.onOpen({ protocol: ws.protocol });
    return talk.done;
  });
  return { url: `ws://127.0.0.1:${server.address().port}/`, report };
}

const about = {
  name: `npm ws ${wsVersion}`,
  can: ['connect', 'serve', 'deflate', 'offer', 'pieces'],
};

await runPeer(about, { connect, serve });
