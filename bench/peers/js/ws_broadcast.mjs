// npm's ws, as the broadcast of its documentation has it: a message of one connection goes to all others.
// Argument: `--compress`.

import { createRequire } from 'node:module';

const require = createRequire(`${process.env.GUMBOOT_NODE_MODULES}/`);
const { WebSocket, WebSocketServer } = require('ws');

const sockets = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: process.argv[2] === '--compress',
});
sockets.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => {
    sockets.clients.forEach((other) => {
      if (other !== socket && other.readyState === WebSocket.OPEN) other.send(data, { binary: isBinary });
    });
  });
});
sockets.on('listening', () => console.log(`listening 127.0.0.1:${sockets.address().port}`));
