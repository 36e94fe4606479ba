// The list of classes by share. Rows stay in place while numbers change, so that it can be used while it moves.
import { make, percent, rgb } from "./canvas.js";

/** @param onpick called when a class is picked (its number) or given back (null) */
export function makeLegend(onpick) {
  const element = make("div", { class: "sv-legend", role: "group", "aria-label": "classes, by share" });
  let rows = new Map();
  let shown = null;
  let only = null;

  function pick(index) {
    only = only === index ? null : index;
    for (const [number, row] of rows) row.setAttribute("aria-pressed", String(number === only));
    onpick(only);
  }

  function rowOf(index, { classes, palette }) {
    if (!rows.has(index)) {
      const color = rgb(palette[index]);
      rows.set(index, make("button",
        { type: "button", class: "sv-class", "data-class": index, "aria-pressed": "false", onclick: () => pick(index) },
        make("span", { class: "sv-swatch", style: `background:${color}` }),
        make("span", { class: "sv-name" }, classes[index]),
        make("span", { class: "sv-share" }),
        make("span", { class: "sv-fill", style: `background:${color}` })));
      element.append(rows.get(index));
    }
    return rows.get(index);
  }

  /** Show shares, pairs of class number and share, of a model {classes, palette}. Another model starts anew. */
  function show(model, shares) {
    if (model !== shown) clear();
    shown = model;
    for (const row of rows.values()) row.hidden = true;
    shares.forEach(([index, share], place) => {
      const row = rowOf(index, model);
      row.hidden = false;
      row.style.order = place;
      row.querySelector(".sv-share").textContent = percent(share);
      row.querySelector(".sv-fill").style.width = `${100 * share}%`;
    });
  }

  function clear() {
    rows = new Map();
    [shown, only] = [null, null];
    element.replaceChildren();
  }

  return { element, show, clear };
}
