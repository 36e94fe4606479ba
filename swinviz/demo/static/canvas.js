/**
 * What every canvas of the demo needs: bytes to pixels, colors, pixels to screen and back.
 * Elements are made by the explorer's dom.js, which the server has beside this folder.
 *
 * @typedef {[red: number, green: number, blue: number]} Rgb 0..255
 * @typedef {{values: Uint8Array, width: number, height: number}} Plane one byte a pixel, row by row
 */
import { COLORS, colorOf, opacityOf } from "../explorer/colors.js";
export { download, make } from "../explorer/dom.js";

/**
 * Decode an image without any color management: pixel values are data here.
 * @param {Blob | string} source an image file, or its data: address
 */
export async function decode(source) {
  const blob = typeof source === "string" ? dataToBlob(source) : source;
  return createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
}

/** The bytes of a "data:" address as a Blob. (fetch() would do, but a strict content policy forbids it.) @param {string} address */
export function dataToBlob(address) {
  const [head, body] = address.split(",", 2);
  const text = atob(body);
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5).split(";")[0] });
}

/** @param {HTMLCanvasElement} canvas */
export const contextOf = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));

/** A canvas that is on no page, and its context. @param {number} width @param {number} height */
export function offscreen(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return { canvas, context: /** @type {OffscreenCanvasRenderingContext2D} */ (context) };
}

/** The first channel of a bitmap. @param {ImageBitmap} bitmap @returns {Plane} */
export function channel(bitmap) {
  const { width, height } = bitmap;
  const { context } = offscreen(width, height);
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Uint8Array(width * height);
  for (let i = 0; i < values.length; i++) values[i] = data[4 * i];
  return { values, width, height };
}

/** A color as one word of an ImageData. @param {number[]} rgba 0..255 */
export function word(rgba) {
  const bytes = new Uint8ClampedArray(rgba);
  return new Uint32Array(bytes.buffer)[0];
}

/**
 * Paint a canvas from the word of each pixel.
 * @param {{width: number, height: number}} size @param {(place: number) => number} colorAt
 */
export function paintEach({ width, height }, colorAt) {
  const { canvas, context } = offscreen(width, height);
  const pixels = new ImageData(width, height);
  const words = new Uint32Array(pixels.data.buffer);
  for (let place = 0; place < words.length; place++) words[place] = colorAt(place);
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** Paint a map of 0..255 with a color table of 256 words. @param {Plane} map @param {Uint32Array} table */
export const paint = (map, table) => paintEach(map, (place) => table[map.values[place]]);

/** A table for heat: the explorer's colors, and where little is attended the picture shows. */
export function heatTable() {
  const table = new Uint32Array(256);
  for (let level = 0; level < 256; level++) {
    const share = level / 255;
    table[level] = word([...colorOf(COLORS.attention, share), 255 * opacityOf(share)]);
  }
  return table;
}

/**
 * Give a canvas, and the stage around it, the size and shape of a picture.
 * @param {HTMLElement} stage @param {HTMLCanvasElement} canvas @param {{width: number, height: number}} size
 */
export function fit(stage, canvas, { width, height }) {
  [canvas.width, canvas.height] = [width, height];
  stage.style.setProperty("--ratio", String(width / height));
}

/** The image pixel under a pointer event, or null outside the canvas. @param {HTMLCanvasElement} canvas @param {MouseEvent} event */
export function pixelAt(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
  return x >= 0 && y >= 0 && x < canvas.width && y < canvas.height ? { x, y } : null;
}

/** @param {Rgb} color */
export const rgb = (color) => `rgb(${color.join(" ")})`;
/** @param {number} share 0..1 */
export const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
