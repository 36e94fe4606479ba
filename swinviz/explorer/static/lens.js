/** The answer after every block, read from a stack of label maps at the decode head's resolution. */

/**
 * @import {Answer} from "./answers.js"
 * @import {Message} from "./wire_format.js"
 * @typedef {{label: number, confidence: number, flipped: boolean}} LensReading after one block, at one place: its class,
 *   how sure, whether the block changed it
 */

const DECODED_STRIDE = 4; // input pixels a place of the decode head's map

/**
 * Row and column of a pixel's place. @param {Message} lens @param {number} y @param {number} x
 */
export function lensPlace({ arrays: { labels: { shape: [, height, width] } } }, y, x) {
  return [Math.min(height - 1, Math.floor(y / DECODED_STRIDE)), Math.min(width - 1, Math.floor(x / DECODED_STRIDE))];
}

/** What is said after each block at a pixel. @param {Message} lens @param {number} y @param {number} x @returns {LensReading[]} */
export function readLens(lens, y, x) {
  const { labels: { data, shape: [blocks, height, width] }, confidence } = lens.arrays;
  const [row, column] = lensPlace(lens, y, x);
  return Array.from({ length: blocks }, (_, block) => {
    const at = (block * height + row) * width + column;
    return {
      label: data[at], confidence: confidence.data[at] * confidence.step,
      flipped: block > 0 && data[at] !== data[at - height * width],
    };
  });
}

/** Index of the first block after which the class is the last one's, and stays. @param {LensReading[]} readings */
export function decidedAt(readings) {
  let index = readings.length - 1;
  while (index > 0 && readings[index - 1].label === readings[index].label) index -= 1;
  return index;
}

/** The message in an answer, if there is one. @param {Answer | null} answer @returns {Message | null} */
export const messageOf = (answer) => (answer?.arrays ? /** @type {Message} */ (answer) : null);
