/** Slider between the segmentations before and after the edits, and how many pixels differ. */

/**
 * @import {Actions} from "../actions.js"
 * @import {View} from "../view.js"
 */

import { make } from "../dom.js";
import { formatShare } from "../labels.js";

/** @param {View} view */
function comparisonText({ before, after, error }) {
  if (!after || !before) return error ?? "running the edited model …";
  const total = before.labels.length;
  return `Before | after: ${after.flipped.toLocaleString("en")} of ${total.toLocaleString("en")} pixels `
    + `(${formatShare(after.flipped / total)}) change their class.`;
}

/** @param {Actions} actions @param {number} compare where the slider begins, 0..1 */
export function makeComparison(actions, compare) {
  const slider = make("input", {
    type: "range", class: "swv-compare", min: 0, max: 1, step: 0.01, value: compare, hidden: true,
    "aria-label": "Segmentation before the edits on the left, after them on the right",
    oninput: () => actions.set({ compare: Number(slider.value) }),
  });
  const text = make("p", { class: "swv-note swv-compare-text", hidden: true });
  return {
    elements: [slider, text],
    /** @param {View} view @param {string} width of the picture, as CSS has it */
    show(view, width) {
      slider.style.width = width;
      slider.hidden = !view.after;
      text.hidden = !view.state.edits.length;
      text.textContent = comparisonText(view);
    },
  };
}
