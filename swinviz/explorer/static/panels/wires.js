/** Lines between the nodes of a drawing, behind them, from where the nodes lie on the page. */

/**
 * @typedef {object} Wire
 * @property {HTMLElement} from @property {HTMLElement} to
 * @property {"up" | "down" | "right" | "bus"} way side by side or one above the other; a bus runs down on the right
 * @property {number} [width] CSS pixels @property {number} [value] signed, for the color
 */

import { COLORS, colorOf, css } from "../colors.js";

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} tag @param {Record<string, string | number>} attributes */
function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** Points of a wire's line, in the drawing's own pixels. @param {Wire} wire @param {DOMRect} origin */
function pathOf({ from, to, way }, origin) {
  const [a, b] = [from, to].map((element) => element.getBoundingClientRect());
  const [middle, other] = [a, b].map(({ left, width }) => left + Math.min(width / 2, 60) - origin.left);
  if (way === "up") return `M${middle} ${a.top - origin.top}L${middle} ${b.bottom - origin.top}`;
  if (way === "down") return `M${other} ${a.bottom - origin.top}L${other} ${b.top - origin.top}`;
  const start = a.top + a.height / 2 - origin.top;
  if (way === "right") {
    const down = Math.max(a.top, b.top), up = Math.min(a.bottom, b.bottom), y = (down + up) / 2 - origin.top;
    return `M${a.right - origin.left} ${y}L${b.left - origin.left} ${y}`;
  }
  const bus = origin.width - 6;
  return `M${a.right - origin.left} ${start}H${bus}V${b.top + b.height / 2 - origin.top}H${b.right - origin.left}`;
}

export function makeWires() {
  const element = draw("svg", { class: "swv-wires", "aria-hidden": "true" });
  let drawn = "";
  return {
    element: /** @type {Node} */ (element),
    /** @param {HTMLElement} box around all nodes @param {Wire[]} wires */
    draw(box, wires) {
      const origin = box.getBoundingClientRect();
      const lines = wires.map((wire) => ({ ...wire, path: pathOf(wire, origin) }));
      const key = JSON.stringify(lines.map(({ path, width, value }) => [path, width, value]));
      if (drawn === key) return;
      drawn = key;
      element.setAttribute("viewBox", `0 0 ${origin.width} ${origin.height}`);
      element.replaceChildren(...lines.map(({ path, width = 1.5, value = 0 }) => draw("path", {
        d: path, fill: "none", "stroke-width": width, "stroke-linejoin": "round",
        stroke: value ? css(colorOf(COLORS.signed, value < 0 ? 0.14 : 0.84)) : "currentColor", "stroke-opacity": value ? 0.75 : 0.45,
      })));
    },
  };
}
