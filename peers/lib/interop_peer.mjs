// A peer of `gumboot-interop`: told what to do on standard input, it answers on standard output, in lines of JSON.

import { createInterface } from 'node:readline';

/**
 * Says what the peer is, and does what it is told until its input ends. `connect` is given an exchange and a URL and
 * gives a report; `serve` is given an exchange and gives a URL and the promise of a report.
 */
export async function runPeer(about, { connect, serve }) {
  const answer = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
  answer({ about });
  for await (const line of createInterface({ input: process.stdin })) {
    const told = JSON.parse(line);
    try {
      if (told.connect) {
        answer({ report: await connect(told.connect, told.url) });
      } else {
        const { url, report } = await serve(told.serve);
        answer({ url });
        answer({ report: await report });
      }
    } catch (error) {
      answer({ error: error.stack });
    }
  }
}
