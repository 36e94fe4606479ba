/** Maps over whole pictures, a color a token: cosines, principal components. */

/**
 * @import {Similarity} from "./similarity.js"
 * @import {Numbers, StoredArray} from "./wire_format.js"
 */

import { COLORS, colorOf, opacityOf } from "./colors.js";
import { bitmap } from "./painting.js";

const COMPONENTS_OPACITY = 0.85;

/** @type {WeakMap<Numbers, HTMLCanvasElement>} */
const painted = new WeakMap();

/** One pixel a token, painted once. @param {Numbers} values @param {number[]} size @param {(data: Uint8ClampedArray) => void} fill */
function bitmapOf(values, size, fill) {
  let canvas = painted.get(values);
  if (!canvas) painted.set(values, canvas = bitmap(size, fill));
  return canvas;
}

/** Cosines in the attention's colors: 1 is the brightest; at 0 and below the picture shows. @param {Similarity} similarity */
export const similarityBitmap = ({ values, height, width }) => bitmapOf(values, [height, width], (data) => {
  values.forEach((value, token) => {
    data.set(colorOf(COLORS.attention, value), 4 * token);
    data[4 * token + 3] = Math.round(255 * opacityOf(value));
  });
});

/** @param {CanvasRenderingContext2D} context @param {Similarity} similarity @param {number} scale @param {number} opacity */
export function drawSimilarity(context, similarity, scale, opacity) {
  const unit = similarity.stride * scale;
  context.globalAlpha = opacity;
  context.imageSmoothingEnabled = false;
  context.drawImage(similarityBitmap(similarity), 0, 0, similarity.width * unit, similarity.height * unit);
  context.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} context @param {StoredArray} colors H x W x 3 @param {number} stride @param {number} scale */
export function drawComponents(context, { data, shape: [height, width] }, stride, scale) {
  const colors = bitmapOf(data, [height, width], (pixels) => {
    for (let token = 0; token < height * width; token++) {
      pixels.set(data.subarray(3 * token, 3 * token + 3), 4 * token);
      pixels[4 * token + 3] = 255;
    }
  });
  context.globalAlpha = COMPONENTS_OPACITY;
  context.imageSmoothingEnabled = false;
  context.drawImage(colors, 0, 0, width * stride * scale, height * stride * scale);
  context.globalAlpha = 1;
}
