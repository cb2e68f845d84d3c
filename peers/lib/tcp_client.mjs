// stomp.py as a child process: a STOMP client over TCP that JavaScript drives (see bridge.py).

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Inbox, within } from './wait.mjs';

const python =
  process.env.GUMBOOT_PYTHON ??
  fileURLToPath(new URL('../../target/peers/venv/bin/python', import.meta.url));
const bridge = fileURLToPath(new URL('../python/bridge.py', import.meta.url));

/** Connects stomp.py to `address`, which is HOST:PORT. */
export function connectTcp(address) {
  return new TcpClient(address);
}

class TcpClient {
  /** The messages, each with its topic, headers and body, which is a Buffer. */
  messages = new Inbox('MESSAGE at stomp.py');
  #done = new Inbox('confirmation of stomp.py');
  #child;
  #ended;

  constructor(address) {
    this.#child = spawn(python, [bridge, address], { stdio: ['pipe', 'pipe', 'inherit'] });
    const kill = () => this.#child.exitCode ?? this.#child.kill('SIGKILL');
    process.once('exit', kill);
    this.#ended = new Promise((resolve) => this.#child.on('close', resolve));
    this.#ended.then(() => process.off('exit', kill));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#read(line));
  }

  async subscribe(topic) {
    this.#write({ subscribe: topic });
    await this.#done.next();
  }

  async send(topic, body, headers = {}) {
    this.#write({ send: topic, headers, body: Buffer.from(body).toString('base64') });
    await this.#done.next();
  }

  /** Disconnects; gives the status with which stomp.py's process ended. */
  disconnect() {
    this.#child.stdin.end();
    return within(this.#ended, 'end of stomp.py');
  }

  #write(command) {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  #read(line) {
    const { done, body, ...rest } = JSON.parse(line);
    if (done) this.#done.put(done);
    else this.messages.put({ ...rest, body: Buffer.from(body, 'base64') });
  }
}
