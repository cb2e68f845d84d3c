// The server of the `WebSocket` cases, an example of the crate, as a child process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const example = ['-p', 'gumboot-websocket', '--example', 'web_socket_test_server'];

/** The transports, by the names that they have in the cases and in what the server prints. */
export const TRANSPORTS = ['ws', 'wss', 'http2'];

/** Builds and starts it; gives its host and port for each transport, and `stop`. */
export async function startServer() {
  const built = process.env.GUMBOOT_WEB_SOCKET_SERVER;
  const [path, options] = built
    ? [built, []]
    : [process.env.CARGO ?? 'cargo', ['run', '--quiet', ...example]];
  const child = spawn(path, options, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const hosts = {};
  const reading = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const [transport, host] = line.split(' ');
      hosts[transport] = host;
      if (TRANSPORTS.every((name) => name in hosts)) return;
    }
  })();
  const failed = ended.then(([status]) => Promise.reject(new Error(`it ended with ${status}`)));
  await Promise.race([reading, failed]);
  failed.catch(() => {});
  // It ends with its standard input, so also with this process.
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  return { hosts, stop };
}
