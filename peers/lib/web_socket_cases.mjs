// Runs a case of the `WebSocket` object in a page. It is given to the page as it stands here, so it uses nothing from
// outside; what the words of a case mean is in crates/websocket/tests/web_socket/README.md.

/** Runs the script of `{ url, protocols, calls }` and gives its log. */
export async function runCase({ url, protocols, calls }) {
  const log = [];
  let ws;
  try {
    ws = protocols === undefined ? new WebSocket(url) : new WebSocket(url, protocols);
  } catch (error) {
    return [`throws ${error.name}`];
  }

  const look = {
    state: () => `${ws.readyState}`,
    buffered: () => `${ws.bufferedAmount}`,
    'binary-type': () => ws.binaryType,
    protocol: () => JSON.stringify(ws.protocol),
    extensions: () => JSON.stringify(ws.extensions),
    url: () => ws.url,
  };
  const repeated = (text) => {
    const [, part, count] = /^(.*)\*(\d+)$/su.exec(text) ?? [];
    return count === undefined ? text : part.repeat(Number(count));
  };
  const close = (argument) => {
    if (argument === '') return ws.close();
    const [code, ...reason] = argument.split(' ');
    ws.close(Number(code), repeated(reason.join(' ')));
  };
  const call = {
    send: (text) => ws.send(repeated(text)),
    'send-bytes': (count) => ws.send(Uint8Array.from({ length: Number(count) }, (_, i) => i)),
    close,
    'binary-type': (type) => (ws.binaryType = type),
    look: (what) => log.push(`${what} ${look[what]()}`),
  };
  const callAll = (moment) => {
    for (const line of [calls?.[moment] ?? []].flat()) {
      const [name] = line.split(' ', 1);
      try {
        call[name](line.slice(name.length + 1));
      } catch (error) {
        log.push(`throws ${error.name}`);
      }
    }
  };

  const shown = (data) => {
    if (data instanceof Blob) return `blob of ${data.size} bytes`;
    const isText = typeof data === 'string';
    const bytes = isText ? new TextEncoder().encode(data) : new Uint8Array(data);
    if (bytes.length > 32) return `${isText ? 'text of ' : ''}${bytes.length} bytes`;
    const hex = () => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return isText ? `text ${data}` : `bytes ${hex()}`;
  };
  const detail = {
    open: () => '',
    message: ({ data }) => ` ${shown(data)}`,
    error: () => '',
    close: ({ wasClean, code, reason }) =>
      ` ${wasClean ? 'clean' : 'unclean'} ${code}${reason && ` ${reason}`}`,
  };
  const closed = new Promise((resolve) => {
    for (const type of Object.keys(detail)) {
      let count = 0;
      ws.addEventListener(type, (event) => {
        log.push(`${type} ${ws.readyState}${detail[type](event)}`);
        callAll(type);
        callAll(`${type} ${++count}`);
        if (type === 'close') resolve();
      });
    }
  });
  callAll('new');
  await closed;
  return log;
}
