/** A second picture to compare with: chosen or dropped, shrunk to what a model sees, sent to Python. */

/**
 * @import {Message} from "./wire_format.js"
 * @import {Arguments} from "./transports.js"
 * @typedef {object} SecondPicture
 * @property {string} name
 * @property {string} [error] why it cannot be shown
 * @property {string} [key] that Python knows it by, once it is there
 * @property {number[]} size [height, width] as the model sees it
 * @property {HTMLCanvasElement | null} image
 */

import { contextOf, make } from "./dom.js";
import { paintImage } from "./painting.js";

const LONGEST = 1024; // pixels along the longer side that are sent

/** The picture's file as PNG, no larger than needed, in base64. @param {File} file */
async function encoded(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error("this browser cannot read it as a picture: choose a PNG, JPEG or WebP file.");
  });
  const shrink = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * shrink)));
  const canvas = make("canvas", { width, height });
  const context = contextOf(canvas);
  context.fillStyle = "#fff"; // below what is transparent, as Python has it
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.toDataURL("image/png").split(",")[1];
}

/**
 * @param {File} file @param {(name: string, args: Arguments) => Promise<Message>} ask
 * @returns {Promise<SecondPicture>}
 */
export async function openSecond(file, ask) {
  try {
    const { header: { key, size }, arrays } = await ask("second", { name: file.name, file: await encoded(file) });
    return { name: file.name, key, size, image: paintImage({ size, image: arrays.image.data }) };
  } catch (error) {
    return { name: file.name, error: /** @type {Error} */ (error).message, size: [0, 0], image: null };
  }
}
