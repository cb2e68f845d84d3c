// @stomp/stompjs in Node.js, on npm's ws.

import { after, before, test } from 'node:test';
import { serve } from '../lib/program.mjs';
import { StompJs, WebSocket } from '../lib/packages.mjs';
import { scenarios } from '../lib/stomp_scenarios.mjs';

let program;

before(async () => (program = await serve()));
after(() => program?.stop());

for (const [name, scenario] of Object.entries(scenarios)) {
  test(name, () => scenario({ StompJs, WebSocket, url: program.websocket }));
}
