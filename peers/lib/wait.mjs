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
  #end;

  /** `what` names the things in the message of a failure. */
  constructor(what) {
    this.what = what;
  }

  put(thing) {
    const taker = this.#takers.shift();
    if (taker) taker.resolve(thing);
    else this.#arrived.push(thing);
  }

  /** Nothing more will come: whoever waits is told why. */
  end(reason) {
    this.#end = new Error(`no ${this.what}: ${reason}`);
    for (const taker of this.#takers.splice(0)) taker.reject(this.#end);
  }

  /** How many have arrived and are not taken. */
  get length() {
    return this.#arrived.length;
  }

  /** The next thing, waited for. */
  async next(ms = SOON_MS) {
    if (this.#arrived.length > 0) return this.#arrived.shift();
    if (this.#end) throw this.#end;
    let taker;
    const arrival = new Promise((resolve, reject) => {
      taker = { resolve, reject };
      this.#takers.push(taker);
    });
    try {
      return await within(arrival, this.what, ms);
    } finally {
      this.#takers = this.#takers.filter((other) => other !== taker);
    }
  }
}
