/** Bars: the share of the attention on each class and on padding. */

/** @import {View} from "../view.js" */

import { css } from "../colors.js";
import { make, note } from "../dom.js";
import { formatShare } from "../labels.js";
import { classShares, crossRegionShare } from "../rows.js";

/** @param {string} name @param {number} share @param {number} total @param {string | null} color null for padding */
const makeBar = (name, share, total, color) => make("div", { class: "swv-share" },
  make("span", { class: color ? "swv-swatch" : "swv-swatch swv-hatched", style: color && `background:${color}` }),
  make("span", {}, name),
  make("span", { class: "swv-bar" }, make("i", { style: `width:${(100 * share) / Math.max(total, 1e-9)}%` })),
  make("b", {}, formatShare(share)));

/** @param {View} view */
function barsOf({ state, block, weights, shares, segmented, geometry, error, manifest: { size, classes, palette } }) {
  if (!block || !shares || !segmented) return [note(error ?? "running the model …")];
  const { byClass, padding } = classShares(geometry, shares, segmented.labels, size, classes.length);
  const total = byClass.reduce((sum, share) => sum + share, padding);
  const rows = [...byClass].map((share, index) => ({ share, index })).sort((a, b) => b.share - a.share);
  const bars = rows.slice(0, 5).filter(({ share }) => share >= 0.0005)
    .map(({ share, index }) => makeBar(classes[index], share, total, css(palette[index])));
  if (padding > 0) bars.push(makeBar("padding", padding, total, null));
  if (state.direction === "key") return [...bars, note("Each token's own attention sums to 1; here is what they give to this one.")];
  if (!geometry.shiftSize) return bars;
  return [...bars, note(`across regions: ${formatShare(crossRegionShare(block, weights, state.head))}`)];
}

export function makeShares() {
  const title = make("h3");
  const bars = make("div", { class: "swv-shares" });
  return {
    elements: [title, bars],
    /** The bars as text. */
    text: () => [...bars.querySelectorAll(".swv-share")].map((line) => line.textContent).join(", "),
    /** @param {View} view */
    show(view) {
      title.textContent = `Where the attention ${view.state.direction === "key" ? "comes from" : "goes"}`;
      bars.replaceChildren(...barsOf(view));
    },
  };
}
