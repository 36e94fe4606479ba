/** The block's table of relative position bias, around the query. */

/** @import {View} from "../view.js" */

import { COLORS, colorOf } from "../colors.js";
import { contextOf, make, note } from "../dom.js";
import { headName } from "../labels.js";
import { bitmap } from "../painting.js";
import { meanRow } from "../rows.js";

/** @param {HTMLCanvasElement} canvas @param {Float32Array} table side x side @param {number} side @param {number} peak */
function drawTable(canvas, table, side, peak) {
  const small = bitmap([side, side], (data) => {
    for (let at = 0; at < table.length; at++) {
      data.set(colorOf(COLORS.signed, 0.5 + table[at] / (2 * peak)), 4 * at);
      data[4 * at + 3] = 255;
    }
  });
  [canvas.width, canvas.height] = [8 * side, 8 * side];
  const context = contextOf(canvas);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  context.strokeStyle = "#000";
  context.strokeRect(4 * (side - 1) + 0.5, 4 * (side - 1) + 0.5, 7, 7);
}

export function makeBias() {
  const canvas = make("canvas", { class: "swv-bias", role: "img", "aria-label": "Relative position bias" });
  const text = note();
  let shown = "";
  return {
    elements: [make("h2", {}, "Position bias"), make("div", { class: "swv-pair" }, canvas, text)],
    /** @param {View} view */
    show({ state, block, chosen }) {
      const key = `${state.stage}.${state.block}.${state.head}`;
      if (!block || shown === key) return;
      shown = key;
      const [, side] = block.bias.shape;
      const table = meanRow(block.bias.data, side * side, state.head);
      const peak = table.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-6);
      drawTable(canvas, table, side, peak);
      const name = headName(state.head, chosen.heads);
      canvas.setAttribute("aria-label", `Relative position bias, ${name}`);
      text.textContent = `Added to the scores of keys around the query (the square), ${name}: `
        + `purple −${peak.toFixed(2)}, white 0, orange +${peak.toFixed(2)}.`;
    },
  };
}
