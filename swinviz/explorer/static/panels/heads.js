/** One small map a head, of the window that is asked about; how far each is spread, in words. */

/**
 * @import {Actions} from "../actions.js"
 * @import {View} from "../view.js"
 */

import { contextOf, follow, make, replaceChildren } from "../dom.js";
import { regionBorders } from "../geometry.js";
import { term } from "../glossary.js";
import { aboutTokens, blockName, headName } from "../labels.js";
import { drawTile } from "../painting.js";
import { attentionOf, statisticOf } from "../rows.js";

const TILE = 104; // device pixels; the style sheet says how large they are shown

/** @param {Actions} actions @param {number} head -1 for the mean @param {number} heads how many there are */
function makeHead(actions, head, heads) {
  const canvas = make("canvas", { width: TILE, height: TILE, "aria-hidden": "true" });
  const number = make("span"), caption = make("small", {}, number, make("span", { class: "swv-unit" }, " tokens"));
  const element = make("button", {
    type: "button", role: "radio", class: "swv-tile", "aria-label": headName(head, heads),
    onclick: () => actions.chooseHead(head),
  }, canvas, make("span", {}, head < 0 ? "mean" : String(head)), caption);
  return { head, element, canvas, number };
}

/** @param {Actions} actions */
export function makeHeads(actions) {
  const group = make("div", { class: "swv-heads", role: "radiogroup", "aria-label": "Heads" });
  const named = make("span");
  const title = make("h2", {}, term("head", "Heads"), named);
  const about = { before: make("span"), after: make("span") };
  const words = make("p", { class: "swv-note swv-spread" }, about.before, term("nat"), about.after);
  /** @type {ReturnType<typeof makeHead>[]} */
  let tiles = [];
  return {
    elements: [title, group, words],
    group,
    /** @param {View} view */
    show(view) {
      const { state, chosen, block, weights, geometry } = view;
      if (tiles.length !== chosen.heads + 1) {
        tiles = Array.from({ length: chosen.heads + 1 }, (_, index) => makeHead(actions, index - 1, chosen.heads));
        group.classList.toggle("swv-many", tiles.length > 13);
        replaceChildren(group, tiles.map(({ element }) => element), tiles[state.head + 1].element);
      }
      named.textContent = ` of ${blockName(chosen)}${view.edited ? ", edited" : ""}`;
      const first = weights.reduce((best, each) => (each.weight > best.weight ? each : best));
      const inWindow = weights.filter(({ window }) => window === first.window); // a region: where most of it lies
      const marks = { query: state.region ? null : first.position, borders: regionBorders(geometry, first.window) };
      for (const { head, element, canvas, number } of tiles) {
        element.setAttribute("aria-checked", String(head === state.head));
        element.tabIndex = head === state.head ? 0 : -1;
        const values = block && attentionOf(block, inWindow, head, state.direction).get(first.window);
        if (!block || !values) { contextOf(canvas).clearRect(0, 0, canvas.width, canvas.height); continue; }
        drawTile(canvas, values, geometry.windowSize, marks);
        const entropy = statisticOf(block, "entropy", weights, head), distance = statisticOf(block, "distance", weights, head);
        number.textContent = `~${aboutTokens(entropy).replace(/ tokens?$/, "")}`;
        if (head === state.head) {
          about.before.textContent = `${head < 0 ? "A head on average" : `Head ${head}`} is spread over about ${aboutTokens(entropy)} `
            + `(${entropy.toFixed(1)} `;
          about.after.textContent = `), ${distance.toFixed(0)} px away on average.`;
        }
      }
      if (block) follow(group, tiles[state.head + 1].element); // now that the captions have their height
    },
  };
}
