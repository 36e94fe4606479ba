/** Bars: the share of the attention on each class and on padding. */

/** @import {View} from "../view.js" */

import { css } from "../colors.js";
import { make, note } from "../dom.js";
import { rich } from "../glossary.js";
import { formatShare } from "../labels.js";
import { regionBorders } from "../geometry.js";
import { classShares, crossRegionShare } from "../rows.js";

const MOST_BARS = 5;

/** @param {string} name @param {number} share @param {number} total @param {string | null} color null for padding */
const makeBar = (name, share, total, color) => make("div", { class: "swv-share" },
  make("span", { class: color ? "swv-swatch" : "swv-swatch swv-hatched", style: color && `background:${color}` }),
  make("span", { class: "swv-share-name" }, name),
  make("span", { class: "swv-bar" }, make("i", { style: `width:${(100 * share) / Math.max(total, 1e-9)}%` })),
  make("b", {}, formatShare(share)));

/** @param {View} view */
function barsOf({ block, shares, segmented, geometry, error, manifest: { size, classes, palette } }) {
  if (!block || !shares || !segmented) return [note(error ?? "running the model …")];
  const { byClass, padding } = classShares(geometry, shares, segmented.labels, size, classes.length);
  const total = byClass.reduce((sum, share) => sum + share, padding);
  const rows = [...byClass].map((share, index) => ({ share, index })).sort((a, b) => b.share - a.share);
  const bars = rows.slice(0, MOST_BARS).filter(({ share }) => share >= 0.0005)
    .map(({ share, index }) => makeBar(classes[index], share, total, css(palette[index])));
  if (padding >= 0.0005) bars.push(makeBar("padding", padding, total, null));
  return bars;
}

export function makeShares() {
  const title = make("h2");
  const bars = make("div", { class: "swv-shares" });
  const across = make("span");
  const notes = {
    key: note("Each token's own attention sums to 1; here is what they give to this one."),
    border: make("p", { class: "swv-note" }, rich("Across a {border}: "), across),
  };
  return {
    elements: [title, bars, notes.key, notes.border],
    /** The bars as text. */
    text: () => [...bars.querySelectorAll(".swv-share")].map((line) => line.textContent).join(", "),
    /** @param {View} view */
    show(view) {
      const { state: { direction, head }, geometry, block, weights } = view;
      title.textContent = `Where the attention ${direction === "key" ? "comes from" : "goes"}`;
      bars.replaceChildren(...barsOf(view));
      notes.key.hidden = direction !== "key";
      const cut = [...new Set(weights.map(({ window }) => window))].map((window) => regionBorders(geometry, window));
      notes.border.hidden = direction === "key" || !block || !cut.some(({ rows, columns }) => rows.length || columns.length);
      if (block && !notes.border.hidden) across.textContent = `${formatShare(crossRegionShare(block, weights, head))}.`;
    },
  };
}
