/** One block in the map of the network: its token grid to scale, the query's rollout on it, its window. */

/**
 * @import {Actions} from "../actions.js"
 * @import {Answer} from "../answers.js"
 * @import {BlockInfo, View} from "../view.js"
 */

import { contextOf, make } from "../dom.js";
import { locate, rectangles } from "../geometry.js";
import { blockName, kindOf } from "../labels.js";
import { timelineBitmap } from "../painting.js";
import { toDevice } from "../shapes.js";

const DENSITY = 2;

/**
 * @param {BlockInfo} block
 * @param {number} unit CSS pixels an input pixel, in the finest stage
 * @param {HTMLCanvasElement} image @param {Actions} actions
 */
export function makeThumbnail(block, unit, image, actions) {
  const { geometry, stage } = block;
  const scale = (unit * 4) / geometry.stride; // as many pixels a token in every stage
  const [height, width] = [image.height, image.width].map((side) => Math.max(3, Math.round(side * scale)));
  const canvas = make("canvas", { width: DENSITY * width, height: DENSITY * height, "aria-hidden": "true" });
  canvas.style.setProperty("--swv-wide", `${width}px`);
  const number = make("small");
  const element = make("button", {
    type: "button", class: "swv-block", "aria-label": `${blockName(block)}, ${kindOf(geometry)}-MSA`, onclick: () => actions.chooseBlock(block),
  }, canvas, number);
  let drawn = "";
  return {
    block, element,
    /** @param {View} view @param {Answer | null} rollout @param {number} index among all blocks */
    show(view, rollout, index) {
      const { state, chosen } = view, header = rollout?.arrays ? rollout.header : null;
      element.setAttribute("aria-pressed", String(block === chosen));
      const key = [header?.y, header?.x, header?.shares?.[index], state.y, state.x, state.edits].join();
      if (drawn === key) return;
      drawn = key;
      const context = contextOf(canvas);
      context.globalAlpha = 1;
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      context.fillStyle = "rgba(12, 14, 20, 0.45)";
      context.fillRect(0, 0, canvas.width, canvas.height);
      if (rollout?.arrays) context.drawImage(timelineBitmap(rollout, index), 0, 0, canvas.width, canvas.height);
      const patches = header?.patches?.[index];
      number.textContent = patches == null ? "…" : `~${Math.round(patches).toLocaleString("en")}`;
      if (stage > 1 && width < 20) return; // too small for an outline
      const now = view.geometryOf(block), outline = new Path2D();
      for (const { top, left, bottom, right } of rectangles(now, locate(now, state.y, state.x)?.window ?? 0)) {
        outline.rect(...toDevice(scale * DENSITY, top, left, bottom, right));
      }
      context.strokeStyle = "rgba(255, 255, 255, 0.9)";
      context.lineWidth = 1.5;
      context.stroke(outline);
    },
  };
}
