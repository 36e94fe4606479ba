/** A query's attention taken apart into content, position and mask; mirrors swinviz.attention.decompose_attention. */

/**
 * @import {StoredArray} from "./wire_format.js"
 * @typedef {"content" | "position" | "unmasked"} Part
 * @typedef {Record<Part, Float32Array>} Parts heads x N each, one row a head
 */

/** @type {Part[]} */
const PARTS = ["content", "position", "unmasked"];

/** @param {Float64Array} scores */
function softmax(scores) {
  const peak = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scores.map((score) => Math.exp(score - peak));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/**
 * Relative position bias of every key of a window for one query.
 * @param {ArrayLike<number>} table heads x (2M-1) x (2M-1)
 * @param {number} head
 * @param {number} windowSize M
 * @param {number} query its position in the window
 */
function biasOf(table, head, windowSize, query) {
  const across = 2 * windowSize - 1, down = Math.floor(query / windowSize), right = query % windowSize;
  return Float64Array.from({ length: windowSize * windowSize }, (_, key) => {
    const row = windowSize - 1 + Math.floor(key / windowSize) - down, column = windowSize - 1 + (key % windowSize) - right;
    return table[(head * across + row) * across + column];
  });
}

/**
 * What the parts of one query's scores would attend alone, from a block's stored content and its bias table.
 * Python's answer to "decomposition" is the same without rounding.
 * @param {StoredArray} content levels of logarithms
 * @param {number} span nats that 255 levels stand for
 * @param {ArrayLike<number>} table of the position bias
 * @param {number} windowSize
 * @param {{window: number, position: number}} query
 * @returns {Parts}
 */
export function decompose({ data, shape: [, heads, area] }, span, table, windowSize, { window, position }) {
  const parts = /** @type {Parts} */ (Object.fromEntries(PARTS.map((part) => [part, new Float32Array(heads * area)])));
  for (let head = 0; head < heads; head++) {
    const first = ((window * heads + head) * area + position) * area;
    const scores = Float64Array.from({ length: area }, (_, key) => (data[first + key] / 255) * span);
    const bias = biasOf(table, head, windowSize, position);
    parts.content.set(softmax(scores), head * area);
    parts.position.set(softmax(bias), head * area);
    parts.unmasked.set(softmax(scores.map((score, key) => score + bias[key])), head * area);
  }
  return parts;
}
