// What a WebSocket close code means, in one short phrase. RFC 6455 §7.4 and the IANA registry.

const MEANINGS = new Map([
  [1000, "normal closure"],
  [1001, "going away: the server is stopping, or the page was left"],
  [1002, "protocol error"],
  [1003, "unsupported data"],
  [1005, "the Close frame had no code"],
  [1006, "no Close frame: the connection was lost, or never opened"],
  [1007, "invalid data, such as text that is not UTF-8"],
  [1008, "policy violation"],
  [1009, "message too big"],
  [1010, "an extension is missing"],
  [1011, "server error"],
  [1012, "service restart"],
  [1013, "try again later"],
  [1014, "bad gateway"],
  [1015, "TLS handshake failed"],
]);

/** The meaning of a code; ranges are named where a single code has no meaning. */
export function closeCodeMeaning(code) {
  const known = MEANINGS.get(code);
  if (known) return known;
  if (code >= 4000 && code <= 4999) return "private use: the application decides";
  if (code >= 3000 && code <= 3999) return "registered for libraries and frameworks";
  return "a reserved code";
}
