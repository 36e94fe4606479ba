/** One small map a head, of the window that is asked about, with entropy and mean distance. */

/**
 * @import {Actions} from "../actions.js"
 * @import {View} from "../view.js"
 */

import { contextOf, follow, make, replaceChildren } from "../dom.js";
import { regionBorders } from "../geometry.js";
import { blockName, headName } from "../labels.js";
import { drawTile } from "../painting.js";
import { attentionOf, statisticOf } from "../rows.js";

/** @param {Actions} actions @param {number} head -1 for the mean @param {number} heads how many there are */
function makeHead(actions, head, heads) {
  const canvas = make("canvas", { width: 56, height: 56, "aria-hidden": "true" });
  const caption = make("small");
  const element = make("button", {
    type: "button", role: "radio", class: "swv-tile", "aria-label": headName(head, heads),
    onclick: () => actions.chooseHead(head),
  }, canvas, make("span", {}, head < 0 ? "mean" : String(head)), caption);
  return { head, element, canvas, caption };
}

/** @param {Actions} actions */
export function makeHeads(actions) {
  const group = make("div", { class: "swv-heads", role: "radiogroup", "aria-label": "Heads" });
  const title = make("h3");
  /** @type {ReturnType<typeof makeHead>[]} */
  let tiles = [];
  return {
    elements: [title, group],
    group,
    /** @param {View} view */
    show(view) {
      const { state, chosen, block, weights, geometry } = view;
      if (tiles.length !== chosen.heads + 1) {
        tiles = Array.from({ length: chosen.heads + 1 }, (_, index) => makeHead(actions, index - 1, chosen.heads));
        replaceChildren(group, tiles.map(({ element }) => element), tiles[state.head + 1].element);
      }
      title.textContent = `Heads of ${blockName(chosen)}${view.edited ? ", edited" : ""}`;
      const first = weights.reduce((best, each) => (each.weight > best.weight ? each : best));
      const inWindow = weights.filter(({ window }) => window === first.window); // a region: where most of it lies
      const marks = { query: state.region ? null : first.position, borders: regionBorders(geometry, first.window) };
      for (const { head, element, canvas, caption } of tiles) {
        element.setAttribute("aria-checked", String(head === state.head));
        element.tabIndex = head === state.head ? 0 : -1;
        const values = block && attentionOf(block, inWindow, head, state.direction).get(first.window);
        if (!block || !values) { contextOf(canvas).clearRect(0, 0, canvas.width, canvas.height); continue; }
        drawTile(canvas, values, geometry.windowSize, marks);
        const entropy = statisticOf(block, "entropy", weights, head), distance = statisticOf(block, "distance", weights, head);
        caption.textContent = `${entropy.toFixed(1)} nat\u2009·\u2009${distance.toFixed(0)} px`;
        if (!view.resting) continue; // a hint need not follow every move
        element.title = `${headName(head, chosen.heads)}: entropy ${entropy.toFixed(2)} nat (as wide as ${Math.exp(entropy).toFixed(1)} `
          + `equal keys), mean distance ${distance.toFixed(1)} px`;
      }
      if (block) follow(group, tiles[state.head + 1].element); // now that the captions have their height
    },
  };
}
