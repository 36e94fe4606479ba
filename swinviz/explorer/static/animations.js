/** Moving pictures that explain: how tokens are cut, how the shift rolls them, what the mask forbids, how four join. */

/**
 * @import {Geometry} from "./geometry.js"
 * @import {View} from "./view.js"
 * @typedef {(context: CanvasRenderingContext2D, view: View, scene: {image: HTMLCanvasElement, scale: number}, time: number) => void} Animation
 *   draws a moment, 0 the beginning and 1 the end, over a cleared canvas; scale: device pixels an input pixel
 */

import { make, contextOf } from "./dom.js";
import { locate, regionAt, regionBorders } from "./geometry.js";
import { strokeTwice } from "./painting.js";

/** Slow at both ends. @param {number} time 0..1 */
export const eased = (time) => time * time * (3 - 2 * time);

/** Lines around the cells of a grid. @param {number} width @param {number} height @param {number} unit @returns {Path2D} */
function gridOf(width, height, unit) {
  const path = new Path2D();
  for (let x = 0; x <= width + 0.5; x += unit) { path.moveTo(x, 0); path.lineTo(x, height); }
  for (let y = 0; y <= height + 0.5; y += unit) { path.moveTo(0, y); path.lineTo(width, y); }
  return path;
}

/** The picture is cut into tokens. @type {Animation} */
export function cutTokens(context, { geometry }, { scale }, time) {
  const { width, height } = context.canvas, unit = geometry.stride * scale;
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height * eased(time));
  context.clip();
  context.lineWidth = 1;
  context.strokeStyle = "rgba(255, 255, 255, 0.7)";
  context.stroke(gridOf(width, height, unit));
  context.restore();
}

/**
 * The whole padded map, rolled up and to the left: what leaves on one side comes in on the other.
 * @param {CanvasRenderingContext2D} context @param {View} view @param {HTMLCanvasElement} image @param {number} tokens how far
 * @returns {number} device pixels a token
 */
function drawRolled(context, { geometry: { paddedHeight, paddedWidth, stride }, colors }, image, tokens) {
  const { width, height } = context.canvas, unit = Math.min(width / paddedWidth, height / paddedHeight);
  const [wide, tall] = [paddedWidth * unit, paddedHeight * unit], by = tokens * unit;
  context.fillStyle = colors.page;
  context.fillRect(0, 0, width, height);
  context.save();
  context.beginPath();
  context.rect(0, 0, wide, tall);
  context.clip();
  context.fillStyle = "#8d939c"; // padding, where the map is larger than the picture
  context.fillRect(0, 0, wide, tall);
  for (const down of [0, tall]) {
    for (const right of [0, wide]) {
      context.drawImage(image, right - by, down - by, (image.width / stride) * unit, (image.height / stride) * unit);
    }
  }
  context.restore();
  return unit;
}

/** Lines of regular windows. @param {CanvasRenderingContext2D} context @param {Geometry} geometry @param {number} unit */
function drawWindows(context, { windowSize, paddedHeight, paddedWidth }, unit) {
  strokeTwice(context, gridOf(paddedWidth * unit, paddedHeight * unit, windowSize * unit), 2);
}

/** The cyclic shift: the map rolls under the windows, which stay. @type {Animation} */
export function roll(context, view, { image }, time) {
  drawWindows(context, view.geometry, drawRolled(context, view, image, view.geometry.shiftSize * eased(time)));
}

/** The mask: in each window that the roll pieced together, what one part may not attend to turns gray. @type {Animation} */
export function mask(context, view, { image }, time) {
  const { geometry, state } = view, { numWindows, windowSize, windowArea, columns, shiftSize } = geometry;
  const unit = drawRolled(context, view, image, shiftSize);
  const query = locate(geometry, state.y, state.x);
  const closed = new Path2D(); // filled at once: as single rectangles they cost a frame
  for (let window = 0; window < numWindows; window++) {
    const borders = regionBorders(geometry, window);
    if (!borders.rows.length && !borders.columns.length) continue;
    const own = regionAt(geometry, window, query?.window === window ? query.position : 0);
    for (let position = 0; position < windowArea; position++) {
      if (regionAt(geometry, window, position) === own) continue;
      const row = Math.floor(window / columns) * windowSize + Math.floor(position / windowSize);
      const column = (window % columns) * windowSize + (position % windowSize);
      closed.rect(column * unit, row * unit, unit + 0.5, unit + 0.5);
    }
  }
  context.fillStyle = `rgba(44, 47, 54, ${0.88 * eased(time)})`;
  context.fill(closed);
  drawWindows(context, geometry, unit);
}

/** @type {WeakMap<HTMLCanvasElement, Map<number, HTMLCanvasElement>>} */
const mosaics = new WeakMap();

/** A picture with one pixel a token. @param {HTMLCanvasElement} image @param {number} stride */
function mosaicOf(image, stride) {
  const kept = mosaics.get(image) ?? new Map();
  mosaics.set(image, kept);
  if (!kept.has(stride)) {
    const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.ceil(side / stride)));
    const canvas = make("canvas", { width, height }), context = contextOf(canvas);
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, width * stride, height * stride, 0, 0, width, height);
    kept.set(stride, canvas);
  }
  return /** @type {HTMLCanvasElement} */ (kept.get(stride));
}

/**
 * Patch merging: four tokens move together and become one. Tokens are of one color each, so what moves are the gaps:
 * those inside a group of four close, those around it widen.
 * @type {Animation}
 */
export function merge(context, { manifest: { blocks } }, { image, scale }, time) {
  const last = blocks[blocks.length - 1].geometry, stride = last.stride / 2; // the largest tokens that are merged
  const unit = stride * scale, moved = eased(Math.min(1, 1.5 * time)), joined = Math.max(0, 3 * time - 2);
  const { width, height } = context.canvas, [fine, coarse] = [mosaicOf(image, stride), mosaicOf(image, 2 * stride)];
  context.imageSmoothingEnabled = false;
  context.drawImage(fine, 0, 0, fine.width * unit, fine.height * unit);
  context.globalAlpha = joined;
  context.drawImage(coarse, 0, 0, 2 * coarse.width * unit, 2 * coarse.height * unit);
  context.globalAlpha = 1;
  context.fillStyle = "#15171c";
  const gap = 0.16 * unit;
  /** @param {number} index of a line between tokens */
  const wide = (index) => gap * (index % 2 ? 1 - moved : 1 + moved);
  for (let index = 0; index <= fine.width; index++) context.fillRect(index * unit - wide(index) / 2, 0, wide(index), height);
  for (let index = 0; index <= fine.height; index++) context.fillRect(0, index * unit - wide(index) / 2, width, wide(index));
}

const MOVE = 1800, HOLD = 1400; // milliseconds

/**
 * Plays an animation over the picture, again and again; with reduced motion its end stands still.
 * @param {HTMLCanvasElement} canvas over the picture @param {() => {view: View, image: HTMLCanvasElement, scale: number}} scene
 */
export function makePlayer(canvas, scene) {
  let frame = 0, spent = 0;
  /** @type {Animation | null} */
  let playing = null;
  /** @type {[View | null, number]} what is drawn now */
  let drawn = [null, 0];
  /** @param {Animation} animation @param {number} time */
  function draw(animation, time) {
    const started = performance.now(), context = contextOf(canvas), { view, ...rest } = scene();
    drawn = [view, time];
    context.clearRect(0, 0, canvas.width, canvas.height);
    animation(context, view, rest, time);
    spent = performance.now() - started;
  }
  return {
    /** @param {Animation | null} animation null to stop */
    play(animation) {
      cancelAnimationFrame(frame);
      canvas.hidden = !animation;
      playing = animation;
      drawn = [null, 0];
      if (!animation) return;
      if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) { draw(animation, 1); return; }
      const began = performance.now();
      const next = () => {
        if (playing !== animation) return;
        const time = Math.min(1, ((performance.now() - began) % (MOVE + HOLD)) / MOVE);
        if (time < 1 || drawn[0] !== scene().view || drawn[1] !== time) draw(animation, time); // the end stands still
        frame = requestAnimationFrame(next);
      };
      next();
    },
    /** Draw again after the picture changed its size, where nothing moves. */
    refresh() {
      if (playing && window.matchMedia("(prefers-reduced-motion: reduce)").matches) draw(playing, 1);
    },
    /** Milliseconds that the last frame took. */
    lastFrame: () => spent,
  };
}
