/** Everything above the picture as shapes, which canvas and SVG both draw. */

/**
 * @import {View} from "./view.js"
 * @typedef {[x: number, y: number, width: number, height: number]} Rectangle device pixels
 * @typedef {ReturnType<typeof shapesOver>} Shapes
 */

import { COLORS, colorOf, css, opacityOf } from "./colors.js";
import { rectangles } from "./geometry.js";
import { eachToken } from "./rows.js";

/**
 * The box of input pixels [top, left, bottom, right) in whole device pixels, so that tokens meet exactly.
 * @param {number} scale @param {number} top @param {number} left @param {number} bottom @param {number} right
 * @returns {Rectangle}
 */
export function toDevice(scale, top, left, bottom, right) {
  const [y, x] = [Math.round(top * scale), Math.round(left * scale)];
  return [x, y, Math.round(right * scale) - x, Math.round(bottom * scale) - y];
}

/** The query's token in input pixels: [top, left, bottom, right). @param {Pick<View, "state" | "geometry">} view */
export function queryBox({ state, geometry: { stride } }) {
  const [top, left] = [state.y, state.x].map((at) => Math.floor(at / stride) * stride);
  return [top, left, top + stride, left + stride];
}

/**
 * Height and width, in input pixels, of what the picture shows: the image, or it and all its padding.
 * @param {Pick<View, "manifest" | "state">} view
 */
export function extentOf({ manifest: { size, blocks }, state }) {
  if (!state.layers.includes("padding")) return size;
  return blocks.reduce(([tall, wide], { geometry }) => [
    Math.max(tall, geometry.paddedHeight * geometry.stride), Math.max(wide, geometry.paddedWidth * geometry.stride),
  ], size);
}

/**
 * The windows that are attended, and their tokens in the attention's colors.
 * @param {View} view @param {number} scale device pixels an input pixel
 */
export function attentionShapes({ geometry, shares, weights, peak }, scale) {
  const { stride } = geometry;
  const windows = [...new Set(weights.map(({ window }) => window))];
  const boxes = windows.flatMap((window) => rectangles(geometry, window))
    .map(({ top, left, bottom, right }) => toDevice(scale, top, left, bottom, right));
  /** @type {{box: Rectangle, color: string}[]} */
  const tokens = [];
  if (shares) {
    eachToken(geometry, shares, ({ row, column, value }) => tokens.push({
      box: toDevice(scale, row * stride, column * stride, (row + 1) * stride, (column + 1) * stride),
      color: css(colorOf(COLORS.attention, value / peak), Math.round(1000 * opacityOf(value / peak)) / 1000),
    }));
  }
  return { boxes, tokens, spread: windows.length > 1 };
}

/**
 * From bottom to top: tokens in their colors, outlines of the windows, outline of the query or region. Where the whole
 * picture is looked at, for what looks like the query, there are no windows.
 * @param {View} view @param {number} scale device pixels an input pixel
 */
export function shapesOver(view, scale) {
  const { state } = view;
  const { boxes, tokens, spread } = state.direction === "like" ? { boxes: [], tokens: [], spread: true } : attentionShapes(view, scale);
  const [top, left, bottom, right] = state.region ?? queryBox(view);
  const target = toDevice(scale, top, left, bottom, right);
  // A ring around a query's token, which may be a few pixels small.
  const ring = state.region ? null : { x: target[0] + target[2] / 2, y: target[1] + target[3] / 2, radius: 0.72 * target[2] };
  return { boxes, tokens, target, ring, spread };
}
