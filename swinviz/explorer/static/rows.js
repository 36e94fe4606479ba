/** Reading a block's quantized rows: sums over what is stored; mirrors swinviz/attention. */

/**
 * @import {Geometry, TokenWeight} from "./geometry.js"
 * @import {StoredArray} from "./wire_format.js"
 * @typedef {{levels: StoredArray, peaks: StoredArray, bias: StoredArray, entropy: StoredArray,
 *   distance: StoredArray, heads: number, geometry: Geometry}} Block one block's patterns
 * @typedef {Map<number, Float32Array>} Shares window -> (N) attention of its positions
 * @typedef {"query" | "key" | "like"} Direction what is drawn over the picture; "like": what looks like the query
 * @typedef {{row: number, column: number, value: number, padding: boolean}} TokenShare
 */

import { regionAt, tokenAt } from "./geometry.js";

/**
 * One stored row as probabilities: `out[k] += factor * pattern[window, head, query, k]`.
 * @param {Block} block @param {number} window @param {number} head @param {number} query @param {number} factor
 * @param {Float32Array} out
 */
export function addRow(block, window, head, query, factor, out) {
  const { windowArea } = block.geometry;
  const row = (window * block.heads + head) * windowArea + query;
  const unit = (factor * block.peaks.data[row] * block.peaks.step) / 255;
  const levels = block.levels.data;
  for (let key = 0, at = row * windowArea; key < windowArea; key++, at++) out[key] += levels[at] * unit;
}

/**
 * One stored column: `out[q] += factor * pattern[window, head, q, key]`, what every token gives to a key.
 * @param {Block} block @param {number} window @param {number} head @param {number} key @param {number} factor
 * @param {Float32Array} out
 */
export function addColumn(block, window, head, key, factor, out) {
  const { windowArea } = block.geometry;
  const first = (window * block.heads + head) * windowArea;
  const unit = (factor * block.peaks.step) / 255;
  for (let query = 0; query < windowArea; query++) {
    out[query] += block.levels.data[(first + query) * windowArea + key] * block.peaks.data[first + query] * unit;
  }
}

/**
 * Indices of the chosen heads: the one, or all of them when head is -1.
 * @param {number} count @param {number} head
 */
const headsOf = (count, head) => (head >= 0 ? [head] : Array.from({ length: count }, (_, index) => index));

/**
 * Mean over the chosen heads of rows that lie one after the other: row h at [h * length, (h + 1) * length).
 * @param {ArrayLike<number>} rows @param {number} length @param {number} head -1 for all
 */
export function meanRow(rows, length, head) {
  const heads = headsOf(rows.length / length, head);
  return Float32Array.from({ length }, (_, at) => heads.reduce((sum, each) => sum + rows[each * length + at], 0) / heads.length);
}

/**
 * Attention of tokens, window by window: what they attend to, or who attends to them (direction "key"). The mean over `weights`, and over all heads when head is -1.
 * @param {Block} block @param {TokenWeight[]} weights @param {number} head @param {Direction} direction
 * @returns {Shares}
 */
export function attentionOf(block, weights, head, direction = "query") {
  const add = direction === "key" ? addColumn : addRow;
  const heads = headsOf(block.heads, head);
  const shares = new Map();
  for (const { window, position, weight } of weights) {
    if (!shares.has(window)) shares.set(window, new Float32Array(block.geometry.windowArea));
    for (const each of heads) add(block, window, each, position, weight / heads.length, shares.get(window));
  }
  return shares;
}

/**
 * The largest share of a single token; above 0, so that it can be divided by.
 * @param {Shares | null} shares
 */
export function peakOf(shares) {
  let peak = 1e-9;
  for (const values of shares?.values() ?? []) for (const value of values) if (value > peak) peak = value;
  return peak;
}

/**
 * Mean over `weights` of a number stored for every row; over all heads when head is -1.
 * @param {Block} block @param {"entropy" | "distance"} name @param {TokenWeight[]} weights @param {number} head
 */
export function statisticOf(block, name, weights, head) {
  const { data, step } = block[name];
  const heads = headsOf(block.heads, head);
  let sum = 0;
  for (const { window, position, weight } of weights) {
    for (const each of heads) sum += weight * data[(window * block.heads + each) * block.geometry.windowArea + position];
  }
  return (sum * step) / heads.length;
}

/**
 * Visit every token of the windows in `shares`.
 * @param {Geometry} geometry @param {Shares} shares @param {(token: TokenShare) => void} visit
 */
export function eachToken(geometry, shares, visit) {
  for (const [window, values] of shares) {
    for (let position = 0; position < geometry.windowArea; position++) {
      const { row, column } = tokenAt(geometry, window, position);
      const padding = row >= geometry.height || column >= geometry.width;
      visit({ row, column, value: values[position], padding });
    }
  }
}

/**
 * Share of the attention on each class (a token counts for the classes of its pixels) and on padding.
 * @param {Geometry} geometry @param {Shares} shares
 * @param {ArrayLike<number>} labels class of every input pixel
 * @param {number[]} size [height, width] of the input
 * @param {number} classes how many there are
 */
export function classShares(geometry, shares, labels, size, classes) {
  const byClass = new Float64Array(classes);
  let padding = 0;
  eachToken(geometry, shares, ({ row, column, value, padding: padded }) => {
    if (padded) { padding += value; return; }
    const top = row * geometry.stride, left = column * geometry.stride;
    const bottom = Math.min(size[0], top + geometry.stride), right = Math.min(size[1], left + geometry.stride);
    const each = value / ((bottom - top) * (right - left));
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) byClass[labels[y * size[1] + x]] += each;
  });
  return { byClass, padding };
}

/**
 * Share of a query's attention on keys of another region of its window.
 * @param {Block} block @param {TokenWeight[]} weights @param {number} head
 */
export function crossRegionShare(block, weights, head) {
  const { geometry, heads } = block;
  if (!geometry.shiftSize) return 0;
  const row = new Float32Array(geometry.windowArea);
  let across = 0;
  for (const { window, position, weight } of weights) {
    const region = regionAt(geometry, window, position);
    row.fill(0);
    for (const each of headsOf(heads, head)) addRow(block, window, each, position, weight, row);
    for (let key = 0; key < row.length; key++) if (regionAt(geometry, window, key) !== region) across += row[key];
  }
  return across / headsOf(heads, head).length;
}
