// npm's ws, as its documentation has it. Arguments: `--compress`, or `--tls CERTIFICATE KEY`.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.GUMBOOT_NODE_MODULES}/`);
const { WebSocketServer } = require('ws');

const [flag, certificate, key] = process.argv.slice(2);
const server = flag === '--tls'
  ? createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  : createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: flag === '--compress' });
sockets.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.listen(0, '127.0.0.1', () => console.log(`listening 127.0.0.1:${server.address().port}`));
