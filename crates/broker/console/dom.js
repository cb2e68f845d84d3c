// Small helpers to build and reach elements. Data only ever enters the page as text nodes.

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id. A missing one is a mistake in the page, so it throws. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element #${id}`);
  return element;
}

/**
 * Builds an element. `props` are attributes, except `class`, `text`, and `on` (event listeners);
 * an attribute that is `null`, `undefined` or `false` is left out.
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "on") listen(element, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function listen(element, listeners) {
  for (const [type, listener] of Object.entries(listeners)) {
    element.addEventListener(type, listener);
  }
}

/** Builds an SVG element with attributes. */
export function svg(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** An icon out of the sprite at the top of index.html, hidden from assistive technology. */
export function icon(name) {
  const image = svg("svg", { class: "icon", "aria-hidden": "true" });
  image.append(svg("use", { href: `#icon-${name}` }));
  return image;
}

/** Sets text only where it differs, so that live regions do not repeat themselves. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
