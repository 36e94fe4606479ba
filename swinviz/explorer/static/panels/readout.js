/** Words below the picture: the query, what is under the pointer, what can be done next. */

/** @import {View} from "../view.js" */

import { make, note } from "../dom.js";
import { locate, locationOf } from "../geometry.js";
import { term } from "../glossary.js";
import { formatShare, hintText } from "../labels.js";
import { cosineAt } from "../similarity.js";

/** The class of a pixel, with its confidence. @param {View} view @param {number} y @param {number} x */
function describePixel({ segmented, manifest: { classes, size } }, y, x) {
  if (!segmented) return "…";
  const index = y * size[1] + x, { data, step } = segmented.confidence;
  return `${classes[segmented.labels[index]]} (${formatShare(data[index] * step)} sure)`;
}

/** Words after the term "query" or "key". @param {View} view */
function describeTarget(view) {
  const { state: { y, x, region }, geometry: { stride, windowSize, numWindows } } = view;
  if (region) return ` region of ${region[3] - region[1]} × ${region[2] - region[0]} px: mean over ${view.weights.length} tokens.`;
  return ` at pixel (y ${y}, x ${x}): ${describePixel(view, y, x)}. Token (row ${Math.floor(y / stride)}, column ${Math.floor(x / stride)}) `
    + `of ${stride} × ${stride} px, in window ${locate(view.geometry, y, x)?.window} of ${numWindows}, ${windowSize} × ${windowSize} tokens.`;
}

/** @param {View} view */
function underPointer(view) {
  const { pointer, shares, geometry, state, similarity, manifest: { size } } = view;
  if (!pointer || !(state.locked || state.region)) return "";
  const [y, x] = pointer;
  const what = y < size[0] && x < size[1] ? describePixel(view, y, x) : "padding";
  if (state.direction === "like") {
    const cosine = similarity && !("error" in similarity) ? cosineAt(similarity, y, x) : null;
    return ` Under the pointer: ${cosine == null ? "no token" : `cosine ${cosine.toFixed(2)}`} on ${what}, ${Math.hypot(y - state.y, x - state.x).toFixed(0)} px away.`;
  }
  const row = Math.floor(y / geometry.stride), column = Math.floor(x / geometry.stride);
  const onMap = row < geometry.paddedHeight && column < geometry.paddedWidth;
  const { window, position } = onMap ? locationOf(geometry, row, column) : { window: -1, position: 0 };
  const value = shares?.get(window)?.[position];
  if (value == null) return ` Under the pointer: ${what}, outside the window, no attention.`;
  return ` Under the pointer: ${formatShare(value)} on ${what}, ${Math.hypot(y - state.y, x - state.x).toFixed(0)} px away.`;
}

export function makeReadout() {
  const role = term("query", "Query"), said = make("span");
  const text = make("p", { class: "swv-readout" }, role, said);
  const hint = note();
  return {
    elements: [text, hint],
    /** What is said now. */
    text: () => text.textContent,
    /** @param {View} view */
    show(view) {
      const name = view.state.direction;
      if (role.dataset.term !== name) [role.dataset.term, role.textContent] = [name, name === "key" ? "Key" : "Query"];
      said.textContent = describeTarget(view) + underPointer(view);
      const error = name === "like" && view.similarity && "error" in view.similarity ? view.similarity.error : null;
      hint.textContent = error ?? view.components?.error ?? hintText(view.state);
    },
  };
}
