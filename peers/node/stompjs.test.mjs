// @stomp/stompjs in Node.js: on npm's ws, and over TCP.

import { after, before, test } from 'node:test';
import { serve } from '../lib/program.mjs';
import { StompJs, WebSocket } from '../lib/packages.mjs';
import { brokerScenarios, scenarios } from '../lib/stomp_scenarios.mjs';
import { TcpSocket } from '../lib/tcp_socket.mjs';

let program;

before(async () => (program = await serve()));
after(() => program?.stop());

for (const [name, scenario] of Object.entries(scenarios)) {
  test(name, () => scenario({ StompJs, WebSocket, url: program.websocket }));
}

for (const [name, scenario] of Object.entries(brokerScenarios)) {
  test(`over TCP: ${name}`, () => {
    return scenario({ StompJs, WebSocket: TcpSocket, url: program.stomp });
  });
}
