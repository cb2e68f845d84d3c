// The console's page as a test drives it: controls by name, and what it shows.
//
// A control is named by its id, or by its data-testid where there are several alike. Every name that
// a test asks for is noted, so that a test can say which controls no test has used.

import assert from 'node:assert/strict';

/** Everything that a person can operate. */
const CONTROLS = 'button, input, select, textarea, summary, a[href], [tabindex="0"]';

export class Console {
  /** The names of all controls used by anybody. */
  static used = new Set();

  constructor(page) {
    this.page = page;
  }

  /** The control of this name; the last one where there are several. */
  control(name) {
    Console.used.add(name);
    return this.page.locator(`[id="${name}"], [data-testid="${name}"]`).last();
  }

  click(name) {
    return this.control(name).click();
  }

  /** Operates the label, where the control itself is drawn over. */
  pick(name) {
    return this.control(name).setChecked(true, { force: true });
  }

  fill(name, text) {
    return this.control(name).fill(text);
  }

  choose(name, value) {
    return this.control(name).selectOption(value);
  }

  /** Waits until the element's text is, or matches, `expected`. */
  async shows(id, expected) {
    const element = this.page.locator(`[id="${id}"]`);
    const matches = (text) =>
      expected instanceof RegExp ? expected.test(text) : text === expected;
    const end = performance.now() + 10_000;
    let text = (await element.textContent()).trim();
    while (!matches(text) && performance.now() < end) {
      await this.page.evaluate(() => new Promise(requestAnimationFrame));
      text = (await element.textContent()).trim();
    }
    if (expected instanceof RegExp) assert.match(text, expected, `#${id}`);
    else assert.equal(text, expected, `#${id}`);
  }

  /** The log's entries with this label, as a locator; `has` narrows them by text. */
  entries(prefix, label, has) {
    const all = this.page.locator(`#${prefix}-log-entries > [data-label="${label}"]`);
    return has === undefined ? all : all.filter({ hasText: has });
  }

  /** Waits for an entry and gives the text of the last one like it. */
  async entry(prefix, label, has) {
    const entry = this.entries(prefix, label, has).last();
    await entry.waitFor();
    return entry.innerText();
  }

  /** Fails if something is wider than the page. */
  async fits() {
    const overflow = await this.page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.equal(overflow, 0, 'horizontal overflow in px');
  }

  /** The names of all controls on the page, hidden ones included. */
  names() {
    return this.page.evaluate(
      (controls) =>
        [...document.querySelectorAll(controls)].map(
          ({ id, dataset, outerHTML }) => id || dataset.testid || outerHTML,
        ),
      CONTROLS,
    );
  }
}
