// Waiting, always with a bound. Runs in Node.js and in a page.

/** The bound of a wait that has no reason for another one. */
export const SOON_MS = 10_000;

/** Gives what `promise` gives, or fails once `ms` have passed. */
export async function within(promise, what, ms = SOON_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Things that arrive one by one, and are taken one by one in the same order. */
export class Inbox {
  #arrived = [];
  #takers = [];

  /** `what` names the things in the message of a failure. */
  constructor(what) {
    this.what = what;
  }

  put(thing) {
    const taker = this.#takers.shift();
    if (taker) taker(thing);
    else this.#arrived.push(thing);
  }

  /** How many have arrived and are not taken. */
  get length() {
    return this.#arrived.length;
  }

  /** The next thing, waited for. */
  async next(ms = SOON_MS) {
    if (this.#arrived.length > 0) return this.#arrived.shift();
    let taker;
    const arrival = new Promise((resolve) => this.#takers.push((taker = resolve)));
    try {
      return await within(arrival, this.what, ms);
    } catch (error) {
      this.#takers = this.#takers.filter((other) => other !== taker);
      throw error;
    }
  }
}
