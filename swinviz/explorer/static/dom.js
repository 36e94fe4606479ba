/** Elements of a page: making them, keeping focus and place in groups of them, offering files. */

/** @typedef {Record<string, any>} Attributes by name; `on...` are listeners, `true` is an attribute without a value */

/**
 * Make an element. Text is never parsed as HTML.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Attributes} attributes
 * @param {...(Node | string | (Node | string)[])} children nodes, text, or arrays of them
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat());
  return element;
}

/** @param {HTMLCanvasElement} canvas @param {CanvasRenderingContext2DSettings} settings */
export const contextOf = (canvas, settings = {}) =>
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", settings));

/** @param {string} text @param {(event: Event) => void} onclick @param {Attributes} attributes */
export const button = (text, onclick, attributes = {}) => make("button", { type: "button", class: "swv-button", onclick, ...attributes }, text);
/** @param {...string} text */
export const note = (...text) => make("p", { class: "swv-note" }, ...text);

/**
 * Buttons of which one is pressed.
 * @template {string} Value
 * @param {Record<Value, [name: string, meaning: string]>} names
 * @param {(value: Value) => void} choose
 */
export function makeChoices(names, choose) {
  const values = /** @type {Value[]} */ (Object.keys(names));
  const elements = values.map((value) => button(names[value][0], () => choose(value), { title: names[value][1] }));
  return {
    elements,
    /** @param {Value} chosen */
    show: (chosen) => elements.forEach((element, index) => element.setAttribute("aria-pressed", String(values[index] === chosen))),
  };
}

/** The element with the focus, in the page or in the shadow tree around a node. @param {Node} node */
const focusedNear = (node) => /** @type {Document | ShadowRoot} */ (node.getRootNode()).activeElement;

/**
 * Put other children into a node; if one of the old ones had the focus, `heir` gets it, or keys would go nowhere.
 * @param {HTMLElement} node @param {HTMLElement[]} children @param {HTMLElement} heir
 */
export function replaceChildren(node, children, heir) {
  const focused = node.contains(focusedNear(node));
  node.replaceChildren(...children);
  if (focused) heir.focus();
}

/** Keep the chosen one of a group of radio buttons in sight, and the focus on it if it is in the group.
 * @param {HTMLElement} group @param {HTMLElement} chosen */
export function follow(group, chosen) {
  showIn(group, chosen);
  const focused = focusedNear(group);
  if (group.contains(focused) && focused !== chosen) chosen.focus({ preventScroll: true });
}

/** @type {WeakMap<HTMLElement, HTMLElement>} */
const lastShown = new WeakMap();

/** Scroll a box, and nothing around it, until a child of it shows; once, so that it can be scrolled away again.
 * @param {HTMLElement} box @param {HTMLElement} child */
export function showIn(box, child) {
  if (lastShown.get(box) === child) return;
  lastShown.set(box, child);
  const [outer, inner] = [box.getBoundingClientRect(), child.getBoundingClientRect()];
  box.scrollLeft += Math.max(0, inner.right - outer.right) + Math.min(0, inner.left - outer.left);
  box.scrollTop += Math.max(0, inner.bottom - outer.bottom) + Math.min(0, inner.top - outer.top);
}

/** Offer bytes as a file. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
