// Addresses on the server that this page came from, and what is wrong with a typed one.

const SCHEMES = ["ws:", "wss:", "http:", "https:"];

/** `/echo` → `ws://this.host/echo`, with `wss` on a page that came over TLS. */
export function socketUrl(path) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${path}`;
}

/** Why `new WebSocket(url)` refuses an address, in plain words. */
export function explainRefusedUrl(url, error) {
  if (error.name === "SecurityError") {
    return "This page came over https, so the browser opens only wss:// addresses.";
  }
  let parsed;
  try {
    parsed = new URL(url, location.href);
  } catch {
    return `This is no URL. It should look like ${socketUrl("/echo")}.`;
  }
  if (!SCHEMES.includes(parsed.protocol)) {
    return `A WebSocket URL begins with ws:// or wss://, not with ${parsed.protocol}`;
  }
  if (url.includes("#")) return "A WebSocket URL cannot have a part after #.";
  return `The browser refuses this URL (${error.name}).`;
}

/** What is wrong with a list of subprotocols, or `null`. RFC 6455 §4.1: distinct HTTP tokens. */
export function explainBadProtocols(protocols) {
  const bad = protocols.find((name) => !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name));
  if (bad) return `“${bad}” is no protocol name: letters, digits and . - _ only, without spaces.`;
  const repeated = protocols.find((name, at) => protocols.indexOf(name) !== at);
  if (repeated) return `“${repeated}” stands there twice.`;
  return null;
}
