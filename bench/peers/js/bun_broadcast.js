// Bun's server of WebSockets with its own publish and subscribe: a message of one connection goes to all others.
// Argument: `--compress`.

const compress = process.argv[2] === '--compress';
const TOPIC = 'all';
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response('', { status: 400 })),
  websocket: {
    perMessageDeflate: compress,
    open: (socket) => { socket.subscribe(TOPIC); },
    message: (socket, message) => { socket.publish(TOPIC, message, compress); },
  },
});
console.log(`listening 127.0.0.1:${server.port}`);
