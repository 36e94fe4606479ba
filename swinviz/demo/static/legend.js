/** The list of classes by share. Rows stay in place while numbers change, so that it can be used while it moves. */

/**
 * @import {Rgb} from "./canvas.js"
 * @import {Share} from "./labels.js"
 * @typedef {{classes: string[], palette: Rgb[]}} Named
 */
import { make, percent, rgb } from "./canvas.js";
import { nameOf, UNSURE, UNSURE_COLOR } from "./labels.js";

/** @param {(index: number | null) => void} onpick called when a class is picked, or given back (null) */
export function makeLegend(onpick) {
  const element = make("div", { class: "sv-legend", role: "group", "aria-label": "classes, by share" });
  /** @type {Map<number, HTMLButtonElement>} */
  let rows = new Map();
  /** @type {Named | null} */
  let shown = null;
  /** @type {number | null} */
  let only = null;

  /** @param {number} index */
  function pick(index) {
    only = only === index ? null : index;
    for (const [number, row] of rows) row.setAttribute("aria-pressed", String(number === only));
    onpick(only);
  }

  /** @param {number} index @param {Named} model */
  function rowOf(index, { classes, palette }) {
    let row = rows.get(index);
    if (!row) {
      const color = rgb(index === UNSURE ? UNSURE_COLOR : palette[index]);
      row = make("button",
        { type: "button", class: "sv-class", "data-class": index, "aria-pressed": "false", onclick: () => pick(index) },
        make("span", { class: "sv-swatch", style: `--color:${color}` }),
        make("span", { class: "sv-name" }, nameOf(classes, index)),
        make("span", { class: "sv-share" }),
        make("span", { class: "sv-fill", style: `background:${color}` }));
      rows.set(index, row);
      element.append(row);
    }
    return row;
  }

  /**
   * Show shares of a model's classes. Another model starts anew.
   * @param {Named} model @param {Share[]} shares @param {Set<number>} dotted
   */
  function show(model, shares, dotted = new Set()) {
    if (model !== shown) clear();
    shown = model;
    for (const row of rows.values()) row.hidden = true;
    shares.forEach(([index, share], place) => {
      const row = rowOf(index, model);
      row.hidden = false;
      row.style.order = String(place);
      const [swatch, , amount, fill] = /** @type {HTMLElement[]} */ ([...row.children]);
      swatch.dataset.pattern = index === UNSURE ? "striped" : dotted.has(index) ? "dotted" : "plain";
      amount.textContent = percent(share);
      fill.style.width = `${100 * share}%`;
    });
  }

  function clear() {
    rows = new Map();
    [shown, only] = [null, null];
    element.replaceChildren();
  }

  return { element, show, clear };
}
