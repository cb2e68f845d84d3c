// Tabs of Chromium that are hidden, slowed and frozen as a user's are.
//
// The pages that playwright opens always count as visible. These are of a context that it does not
// know of, and are driven by the protocol of the developer tools.

import { launch } from './browser.mjs';
import { within } from './wait.mjs';

/** With which playwright keeps pages from being slowed. */
const UNSLOWED = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

/** How long what runs in a hidden tab may take: it has few timers, and so no bound of its own. */
const RUN_MS = 30_000;

/** A window of a browser; the tab that was opened last is in front. */
export class Tabs {
  #browser;
  #session;
  #context;
  #origin;

  static async launch(origin) {
    const tabs = new Tabs();
    tabs.#origin = origin;
    tabs.#browser = await launch([], UNSLOWED);
    tabs.#session = await tabs.#browser.newBrowserCDPSession();
    const { browserContextId } = await tabs.#session.send('Target.createBrowserContext');
    tabs.#context = browserContextId;
    return tabs;
  }

  /** Opens a tab with the page of the site. */
  async open() {
    const target = { url: 'about:blank', browserContextId: this.#context };
    const { targetId } = await this.#session.send('Target.createTarget', target);
    const attach = { targetId, flatten: false };
    const { sessionId } = await this.#session.send('Target.attachToTarget', attach);
    await this.#session.send('Target.activateTarget', { targetId });
    const tab = new Tab(this.#session, sessionId);
    await tab.load(this.#origin);
    return tab;
  }

  close() {
    return this.#browser.close();
  }
}

class Tab {
  #session;
  #id;
  #requests = 0;
  #waiting = new Map();
  #loaded = new Set();
  #onLoaded = () => {};

  constructor(session, id) {
    this.#session = session;
    this.#id = id;
    session.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      if (sessionId !== id) return;
      const { id: request, method, params, ...answer } = JSON.parse(message);
      if (method === 'Page.lifecycleEvent' && params.name === 'load') {
        this.#loaded.add(params.loaderId);
        this.#onLoaded();
      }
      this.#waiting.get(request)?.(answer);
      this.#waiting.delete(request);
    });
  }

  /** Goes to a page, and waits until it has loaded; what ran before would find the empty one. */
  async load(url) {
    await this.#send('Page.enable');
    await this.#send('Page.setLifecycleEventsEnabled', { enabled: true });
    const { loaderId } = await this.#send('Page.navigate', { url });
    while (!this.#loaded.has(loaderId)) {
      await within(new Promise((resolve) => (this.#onLoaded = resolve)), `load of ${url}`, RUN_MS);
    }
  }

  /** Runs a function in the page, and gives what it gives. */
  async run(action, argument) {
    const expression = `(${action})(${JSON.stringify(argument) ?? ''})`;
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', options);
    if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
    return result.value;
  }

  /** Makes a hidden page `frozen`, or `active` again. */
  become(state) {
    return this.#send('Page.setWebLifecycleState', { state });
  }

  async #send(method, params) {
    const id = ++this.#requests;
    const answered = new Promise((resolve) => this.#waiting.set(id, resolve));
    const message = JSON.stringify({ id, method, params });
    await this.#session.send('Target.sendMessageToTarget', { sessionId: this.#id, message });
    const { result, error } = await within(answered, `answer to ${method}`, RUN_MS);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }
}
