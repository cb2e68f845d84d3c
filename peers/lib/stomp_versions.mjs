// Scenarios that hold in several versions of STOMP. Runs in Node.js and in a page.

export const VERSIONS = ['1.0', '1.1', '1.2'];

/** Those that have NACK and `client-individual`. */
export const SINCE_1_1 = ['1.1', '1.2'];

/** One scenario for each version, by its name. */
export function inEach(versions, name, scenario) {
  return Object.fromEntries(
    versions.map((version) => [`${name}, in ${version}`, (peer) => scenario(peer, version)]),
  );
}

/** A name that nobody else has, so that runs with one server do not hear each other. */
export function fresh(name) {
  return `${name}-${crypto.randomUUID()}`;
}
