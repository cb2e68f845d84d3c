// The program under test as a child process: started, its addresses read, and ended.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from './wait.mjs';

const built = fileURLToPath(new URL('../../target/release/gumboot', import.meta.url));

/** The program's path. */
export const path = process.env.GUMBOOT_PROGRAM ?? built;

/** How long the program may take from SIGTERM to its end. */
const STOP_MS = 5_000;

/** Starts `gumboot serve`, on free ports where the options name none. */
export function serve(...options) {
  return start('serve', onFreePorts(['--listen', '--stomp-listen'], options));
}

/** Starts `gumboot echo` on a free port. */
export function echo(...options) {
  return start('echo', onFreePorts(['--listen'], options));
}

function onFreePorts(flags, options) {
  const missing = flags.filter((flag) => !options.includes(flag));
  return [...missing.flatMap((flag) => [flag, '127.0.0.1:0']), ...options];
}

/** Runs the program until it ends by itself, and gives its status and output. */
export async function run(...options) {
  const child = spawn(path, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  const forget = endWithThis(child);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
  }
  try {
    const status = await within(new Promise((resolve) => child.on('close', resolve)), 'end');
    return { status, ...output };
  } finally {
    forget();
  }
}

async function start(command, options) {
  const child = spawn(path, [command, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  const forget = endWithThis(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal }));
  });
  try {
    const lines = await within(addresses(child, ended, lastWord(command, options)), 'addresses');
    return {
      ...lines,
      stop: once(() => stop(child, ended, forget)),
      pause: () => child.kill('SIGSTOP'),
      resume: () => child.kill('SIGCONT'),
    };
  } catch (error) {
    forget();
    throw new Error(`${error.message}; the program wrote: ${stderr}`);
  }
}

/** With which the last line begins. */
function lastWord(command, options) {
  return command === 'serve' && !options.includes('off') ? 'stomp' : 'echo';
}

/** The same promise at every call: a test may stop the program, and its clean-up again. */
function once(action) {
  let promise;
  return () => (promise ??= action());
}

/** The printed addresses by the first word of their line, once the last of them is there. */
async function addresses(child, ended, last) {
  const found = {};
  const reading = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const [word, address] = line.trim().split(/\s+/);
      found[word] = address;
      if (word === last) break;
    }
    if (!(last in found)) throw new Error(`no line begins with '${last}'`);
  })();
  const early = ended.then(({ status }) => {
    throw new Error(`the program ended early with status ${status}`);
  });
  await Promise.race([reading, early]);
  child.stdout.resume();
  return found;
}

/** Asks the program to end, as an operator would, and tells how long it took. */
async function stop(child, ended, forget) {
  const start = performance.now();
  child.kill('SIGTERM');
  try {
    const { status, signal } = await within(ended, 'end after SIGTERM', STOP_MS);
    return { status, signal, ms: performance.now() - start };
  } finally {
    forget();
  }
}

// The test runner ends a file that takes too long with SIGTERM, and then no `exit` would be heard.
process.once('SIGTERM', () => process.exit(143));

/** Makes sure that the child does not outlive this process; gives the way to end it now. */
function endWithThis(child) {
  const kill = () => child.exitCode ?? child.signalCode ?? child.kill('SIGKILL');
  process.once('exit', kill);
  return () => {
    process.off('exit', kill);
    kill();
  };
}
