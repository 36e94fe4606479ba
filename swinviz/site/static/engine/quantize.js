/** The viewer's compact arrays, made in the page; mirrors swinviz/explorer/wire_format.py. */

/** @import {StoredArray} from "../../../explorer/static/wire_format.js" */

import { roundEven } from "./prepare.js";

/**
 * Values from 0 up in 16 bits, evenly spaced up to the largest.
 * @param {Float32Array} values @param {number[]} shape @returns {StoredArray}
 */
export function fixedPoint(values, shape) {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  const step = most / 65535 || 1, unit = Math.fround(step);
  return { data: Uint16Array.from(values, (value) => Math.min(65535, roundEven(Math.fround(value / unit)))), shape, step };
}

/**
 * Rows in a byte a value, each relative to its largest.
 * @param {ArrayLike<number>} values @param {number[]} shape the last axis is the row
 * @returns {{levels: StoredArray, peaks: StoredArray}}
 */
export function quantizeRows(values, shape) {
  const length = /** @type {number} */ (shape.at(-1)), count = values.length / length;
  const highest = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    for (let at = row * length; at < (row + 1) * length; at++) if (values[at] > highest[row]) highest[row] = values[at];
  }
  const peaks = fixedPoint(highest, shape.slice(0, -1));
  const levels = new Uint8Array(values.length), unit = Math.fround(peaks.step);
  for (let row = 0; row < count; row++) {
    const peak = Math.fround(peaks.data[row] * unit);
    if (peak === 0) continue;
    for (let at = row * length; at < (row + 1) * length; at++) levels[at] = Math.min(255, roundEven(Math.fround(255 * Math.fround(values[at] / peak))));
  }
  return { levels: { data: levels, shape, step: 1 }, peaks };
}
