/** Three small maps: what content, position bias and an absent mask alone would attend. */

/**
 * @import {Part} from "../decompose.js"
 * @import {View} from "../view.js"
 */

import { make, note } from "../dom.js";
import { regionBorders } from "../geometry.js";
import { rich } from "../glossary.js";
import { aboutDivergence, headName } from "../labels.js";
import { drawTile } from "../painting.js";
import { meanRow } from "../rows.js";

/** @type {[part: Part, name: string, meaning: string, divergence: "content" | "position" | "mask"][]} */
const PART_NAMES = [
  ["content", "content", "softmax of query · key alone", "content"],
  ["position", "position", "softmax of the position bias alone", "position"],
  ["unmasked", "no mask", "content and position, the mask off", "mask"],
];

export function makeDecomposition() {
  const box = make("div", { class: "swv-decomposition" });
  return {
    elements: [
      make("h2", {}, "Content, position, mask"), box,
      make("p", { class: "swv-note" }, rich("What each part of the attention alone would look at. {kl}: how far the real pattern is "
        + "from it, in {nat}, averaged over the picture.")),
    ],
    /** @param {View} view */
    show({ state, chosen, geometry, shares, decomposition: found }) {
      if (found && "error" in found) { box.replaceChildren(note(found.error)); return; }
      box.toggleAttribute("data-waiting", !found || !shares);
      if (!found || !shares) return;
      const marks = { query: found.query, borders: regionBorders(geometry, found.window) };
      box.replaceChildren(...PART_NAMES.map(([part, name, meaning, divergence]) => {
        const canvas = make("canvas", { width: 192, height: 192, role: "img", "aria-label": `${name}: ${meaning}, ${headName(state.head, chosen.heads)}` });
        drawTile(canvas, meanRow(found.parts[part], geometry.windowArea, state.head), geometry.windowSize, marks);
        const [nats] = meanRow(found.divergence[divergence], 1, state.head);
        return make("figure", { title: meaning }, canvas, make("figcaption", {}, make("b", {}, name),
          make("small", {}, aboutDivergence(nats)), make("small", {}, `KL ${nats.toFixed(2)} nat`)));
      }));
    },
  };
}
