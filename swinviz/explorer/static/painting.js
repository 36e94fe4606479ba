/** Canvases made pixel by pixel, and lines that show on any picture. */

/**
 * @import {Answer} from "./answers.js"
 * @import {Borders} from "./geometry.js"
 * @import {Manifest} from "./view.js"
 * @import {Numbers} from "./wire_format.js"
 */

import { COLORS, QUERY_COLOR, colorOf } from "./colors.js";
import { contextOf, make } from "./dom.js";

/** Device pixels per CSS pixel, as far as more of them can be seen. */
export const pixelDensity = () => Math.min(2, window.devicePixelRatio || 1);

/**
 * A canvas made pixel by pixel.
 * @param {number[]} size [height, width] @param {(data: Uint8ClampedArray) => void} fill writes RGBA
 */
export function bitmap([height, width], fill) {
  const canvas = make("canvas", { width, height });
  const context = contextOf(canvas);
  const pixels = context.createImageData(width, height);
  fill(pixels.data);
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** The picture itself. @param {Pick<Manifest, "size" | "image">} manifest */
export const paintImage = ({ size, image }) => bitmap(size, (data) => {
  for (let from = 0, to = 0; from < image.length; from += 3, to += 4) {
    data[to] = image[from];
    data[to + 1] = image[from + 1];
    data[to + 2] = image[from + 2];
    data[to + 3] = 255;
  }
});

/**
 * The classes' colors, and white where a pixel's class differs from its right or lower neighbor's.
 * @param {Manifest} manifest @param {Numbers} labels
 */
export function paintLabels({ size, palette }, labels) {
  const [height, width] = size;
  const colors = bitmap(size, (data) => {
    for (let index = 0; index < labels.length; index++) {
      const [red, green, blue] = palette[labels[index]];
      data[4 * index] = red;
      data[4 * index + 1] = green;
      data[4 * index + 2] = blue;
      data[4 * index + 3] = 255;
    }
  });
  const outlines = bitmap(size, (data) => {
    for (let index = 0; index < labels.length; index++) {
      const right = index % width < width - 1 && labels[index] !== labels[index + 1];
      if (right || (index < width * (height - 1) && labels[index] !== labels[index + width])) data.fill(255, 4 * index, 4 * index + 4);
    }
  });
  return { colors, outlines };
}

/** @type {WeakMap<Answer, HTMLCanvasElement[]>} */
const timelineBitmaps = new WeakMap();

/**
 * One block's map of a timeline; levels are square roots, so that faint shares show.
 * @param {Answer} timeline with its arrays @param {number} index of the block
 */
export function timelineBitmap(timeline, index) {
  const painted = timelineBitmaps.get(timeline) ?? [];
  timelineBitmaps.set(timeline, painted);
  const { data, shape: [, height, width] } = /** @type {NonNullable<Answer["arrays"]>} */ (timeline.arrays).levels;
  return (painted[index] ??= bitmap([height, width], (pixels) => {
    for (let at = 0; at < height * width; at++) {
      const level = data[index * height * width + at];
      pixels.set(colorOf(COLORS.attention, level / 255), 4 * at);
      pixels[4 * at + 3] = level; // a square root, as opacityOf() makes of the share: where nothing is, the image shows
    }
  }));
}

/**
 * Lines twice: dark below, light above, so that they show on any picture.
 * @param {CanvasRenderingContext2D} context @param {Path2D} path @param {number} width @param {number[]} dash
 */
export function strokeTwice(context, path, width, dash = []) {
  context.setLineDash(dash);
  for (const [color, wide] of /** @type {const} */ ([["rgba(0, 0, 0, 0.55)", width + 2], ["rgba(255, 255, 255, 0.95)", width]])) {
    context.strokeStyle = color;
    context.lineWidth = wide;
    context.stroke(path);
  }
  context.setLineDash([]);
}

/** The query's mark: its token's box, and a ring around it that is found at once.
 * @param {CanvasRenderingContext2D} context @param {{target: number[], ring: {x: number, y: number, radius: number} | null}} shapes
 * @param {boolean} locked */
export function markQuery(context, { target: [x, y, width, height], ring }, locked) {
  const density = pixelDensity(), path = new Path2D();
  path.rect(x, y, width, height);
  if (!ring) { strokeTwice(context, path, 3 * density, [6, 4]); return; }
  path.moveTo(ring.x + Math.max(13 * density, ring.radius), ring.y);
  path.arc(ring.x, ring.y, Math.max(13 * density, ring.radius), 0, 2 * Math.PI);
  const line = (locked ? 2.5 : 1.75) * density;
  for (const [color, wide] of /** @type {const} */ ([["rgba(0, 0, 0, 0.7)", line + 2 * density], [QUERY_COLOR, line]])) {
    context.strokeStyle = color;
    context.lineWidth = wide;
    context.stroke(path);
  }
}

/** @type {WeakMap<HTMLCanvasElement, {canvas: HTMLCanvasElement, pixels: ImageData}>} */
const tilePixels = new WeakMap();

/** One pixel a position, kept between drawings. @param {HTMLCanvasElement} tile @param {number} side */
function pixelsOf(tile, side) {
  const known = tilePixels.get(tile);
  if (known?.canvas.width === side) return known;
  const fresh = { canvas: make("canvas", { width: side, height: side }), pixels: new ImageData(side, side) };
  tilePixels.set(tile, fresh);
  return fresh;
}

/**
 * Values of a square window as a small picture, relative to the largest; dashed lines where regions meet.
 * @param {HTMLCanvasElement} tile
 * @param {Float32Array} values
 * @param {number} side positions along the window
 * @param {{query: number | null, borders: Borders}} marks
 */
export function drawTile(tile, values, side, { query, borders }) {
  const { canvas, pixels } = pixelsOf(tile, side);
  const peak = Math.max(...values, 1e-12);
  for (let at = 0; at < side * side; at++) {
    const level = 3 * Math.min(255, Math.round((255 * values[at]) / peak));
    for (let channel = 0; channel < 3; channel++) pixels.data[4 * at + channel] = COLORS.attention[level + channel];
    pixels.data[4 * at + 3] = 255;
  }
  contextOf(canvas).putImageData(pixels, 0, 0);
  const context = contextOf(tile);
  const unit = tile.width / side;
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, tile.width, tile.height);
  context.strokeStyle = "rgba(255, 255, 255, 0.7)";
  context.lineWidth = 1;
  context.setLineDash([2, 2]);
  context.beginPath();
  for (const row of borders.rows) { context.moveTo(0, row * unit); context.lineTo(tile.width, row * unit); }
  for (const column of borders.columns) { context.moveTo(column * unit, 0); context.lineTo(column * unit, tile.width); }
  context.stroke();
  context.setLineDash([]);
  if (query == null) return;
  const [x, y] = [(query % side) * unit, Math.floor(query / side) * unit];
  context.strokeStyle = "#000";
  context.lineWidth = 5;
  context.strokeRect(x + 1.5, y + 1.5, unit - 3, unit - 3);
  context.strokeStyle = QUERY_COLOR;
  context.lineWidth = 2.5;
  context.strokeRect(x + 1.5, y + 1.5, unit - 3, unit - 3);
}
