// The server's figures, once a second: an ordinary STOMP subscription to `/topic/$SYS/stats` that
// comes back by itself after a loss. A server that refuses the log-in is not asked again by itself.

import { socketUrl } from "./address.js";
import { StompClient } from "./stomp_client.js";
import { header } from "./stomp_frame.js";
import { decode } from "./utf8.js";

const DESTINATION = "/topic/$SYS/stats";

/** Waits between attempts double from the first to the last, with some chance in each. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 15_000;

/** The ERRORs after which another attempt is of no use without another log-in. */
const REFUSALS = ["Login refused", "Access denied"];

/** The server beats this often where it has nothing to say; ours are not needed. */
const HEART_BEAT = [0, 5_000];

/**
 * @typedef {{ state: "connecting" | "live" | "waiting" | "refused" | "stopped", retryAt?: number,
 *   reason?: string }} FeedStatus
 */

export class StatsFeed {
  #onStats;
  #onStatus;
  #credentials;
  #client = null;
  /** What the server said when it refused the log-in. */
  #refusal = null;
  #failures = 0;
  #retryTimer;
  #running = false;

  /**
   * @param {(stats: object) => void} onStats the parsed body of each message
   * @param {(status: FeedStatus) => void} onStatus
   * @param {() => { login?: string, passcode?: string }} credentials asked for at each attempt
   */
  constructor(onStats, onStatus, credentials) {
    this.#onStats = onStats;
    this.#onStatus = onStatus;
    this.#credentials = credentials;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#failures = 0;
    this.#connect();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#retryTimer);
    this.#client?.disconnect();
    this.#client = null;
    this.#onStatus({ state: "stopped" });
  }

  /** Does not wait for the next attempt. */
  retryNow() {
    if (!this.#running || this.#client) return;
    clearTimeout(this.#retryTimer);
    this.#connect();
  }

  #connect() {
    this.#onStatus({ state: "connecting" });
    this.#refusal = null;
    const client = new StompClient(
      { url: socketUrl("/ws"), versions: ["1.2"], heartBeat: HEART_BEAT, ...this.#credentials() },
      {
        onConnected: () => client.subscribe(DESTINATION, "stats"),
        onFrame: (direction, frame) => {
          if (direction === "out") return;
          if (frame.command === "MESSAGE") this.#receive(client, frame);
          const error = frame.command === "ERROR" ? header(frame, "message") : null;
          if (REFUSALS.includes(error)) this.#refusal = error;
        },
        onClose: () => this.#lost(client),
      },
    );
    this.#client = client;
  }

  #receive(client, frame) {
    // A client that was given up may still deliver while it disconnects.
    if (client !== this.#client) return;
    let stats;
    try {
      stats = JSON.parse(decode(frame.body) ?? "");
    } catch {
      return;
    }
    this.#failures = 0;
    this.#onStatus({ state: "live" });
    this.#onStats(stats);
  }

  #lost(client) {
    if (client !== this.#client) return;
    this.#client = null;
    if (this.#refusal !== null) {
      this.#onStatus({ state: "refused", reason: this.#refusal });
      return;
    }
    const wait = Math.min(RETRY_MS_MIN * 2 ** this.#failures, RETRY_MS_MAX);
    const delay = wait * (0.8 + Math.random() * 0.4);
    this.#failures += 1;
    this.#onStatus({ state: "waiting", retryAt: Date.now() + delay });
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
  }
}
