// What every canvas of the demo needs: bytes to pixels, labels to colors, pixels to screen and back.
// Elements are made by the explorer's dom.js, which the server has beside this folder.
import { COLORS, colorOf, opacityOf } from "../explorer/colors.js";
export { download, make } from "../explorer/dom.js";

/** Decode an image (a Blob or a data: address) without any color management: pixel values are data here. */
export async function decode(source) {
  const blob = typeof source === "string" ? dataToBlob(source) : source;
  return createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
}

/** The bytes of a "data:" address as a Blob. (fetch() would do, but a strict content policy forbids it.) */
export function dataToBlob(address) {
  const [head, body] = address.split(",", 2);
  const text = atob(body);
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5).split(";")[0] });
}

/** The first channel of a bitmap: one byte a pixel, row by row. */
export function channel(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const values = new Uint8Array(bitmap.width * bitmap.height);
  for (let i = 0; i < values.length; i++) values[i] = data[4 * i];
  return { values, width: bitmap.width, height: bitmap.height };
}

const SHADE = [16, 18, 24, 190];

/**
 * Paint a label map on a transparent canvas of its own size.
 * @param map {values, width, height} as from channel()
 * @param palette one [r, g, b] a class
 * @param only a class to keep, all others shaded; null paints every class
 */
export function paintLabels(map, palette, only = null) {
  const table = new Uint32Array(256);
  const entry = new Uint8ClampedArray(4);
  const word = new Uint32Array(entry.buffer);
  for (let index = 0; index < 256; index++) {
    const [red, green, blue] = palette[index] ?? [0, 0, 0];
    entry.set(only === null || only === index ? [red, green, blue, 255] : SHADE);
    table[index] = word[0];
  }
  return paint(map, table);
}

/** Paint a map of 0..255 with a color table of 256 words, as colorTable() makes. */
export function paint(map, table) {
  const canvas = new OffscreenCanvas(map.width, map.height);
  const pixels = new ImageData(map.width, map.height);
  const words = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = table[map.values[i]];
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

/** A table for heat: the explorer's colors, and where little is attended the picture shows. */
export function heatTable() {
  const table = new Uint32Array(256);
  const entry = new Uint8ClampedArray(4);
  const word = new Uint32Array(entry.buffer);
  for (let level = 0; level < 256; level++) {
    entry.set([...colorOf(COLORS.attention, level / 255), 255 * opacityOf(level / 255)]);
    table[level] = word[0];
  }
  return table;
}

/** Give a canvas, and the stage around it, the size and shape of a picture. */
export function fit(stage, canvas, { width, height }) {
  [canvas.width, canvas.height] = [width, height];
  stage.style.setProperty("--ratio", width / height);
}

/** The image pixel under a pointer event, or null outside the canvas. */
export function pixelAt(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
  return x >= 0 && y >= 0 && x < canvas.width && y < canvas.height ? { x, y } : null;
}

export const rgb = (color) => `rgb(${color.join(" ")})`;
export const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
