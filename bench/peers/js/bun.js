// Bun's server of WebSockets, which is uWebSockets. Arguments: `--compress`, or `--tls CERTIFICATE KEY`.

const [flag, certificate, key] = process.argv.slice(2);
const compress = flag === '--compress';
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  tls: flag === '--tls' ? { cert: Bun.file(certificate), key: Bun.file(key) } : undefined,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response('', { status: 400 })),
  websocket: {
    perMessageDeflate: compress,
    // What is on the way to one client in the largest measurement, and more: past it messages are lost.
    backpressureLimit: 64 * 1024 * 1024,
    message: (socket, message) => { socket.send(message, compress); },
  },
});
console.log(`listening 127.0.0.1:${server.port}`);
