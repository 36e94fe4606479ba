/** Rollout and reach of one query; mirrors swinviz/attention/rollout.py and reachability.py. */

/**
 * @import {Geometry} from "../../../explorer/static/geometry.js"
 * @typedef {{geometry: Geometry, tables: Tables}} Cut
 * @typedef {{tokens: Int32Array, regions: Uint8Array}} Tables of each place of each window: its token, -1 for padding;
 *   its region
 */

import { regionAt, tokenIndex } from "../../../explorer/static/geometry.js";

/** Token and region of every place of every window. @param {Geometry} geometry @returns {Tables} */
export function tablesOf(geometry) {
  const { numWindows, windowArea } = geometry;
  const tokens = new Int32Array(numWindows * windowArea), regions = new Uint8Array(numWindows * windowArea);
  for (let window = 0, at = 0; window < numWindows; window++) {
    for (let place = 0; place < windowArea; place++, at++) {
      tokens[at] = tokenIndex(geometry, window, place);
      regions[at] = regionAt(geometry, window, place);
    }
  }
  return { tokens, regions };
}

/**
 * Mean over the heads of a pattern.
 * @param {Float32Array} pattern windows x heads x N x N @param {number} windows @param {number} heads @param {number} area N
 */
export function meanOverHeads(pattern, windows, heads, area) {
  const size = area * area, mean = new Float32Array(windows * size);
  for (let window = 0; window < windows; window++) {
    for (let head = 0; head < heads; head++) {
      const from = (window * heads + head) * size, to = window * size;
      for (let at = 0; at < size; at++) mean[to + at] += pattern[from + at] / heads;
    }
  }
  return mean;
}

/**
 * Share each token's weight evenly among its real children.
 * @param {Float64Array} row @param {{height: number, width: number}} from @param {{height: number, width: number}} to
 */
function spread(row, from, to) {
  const out = new Float64Array(to.height * to.width);
  for (let y = 0; y < to.height; y++) {
    const up = y >> 1, tall = Math.min(2, to.height - 2 * up);
    for (let x = 0; x < to.width; x++) {
      const left = x >> 1;
      out[y * to.width + x] = row[up * from.width + left] / (tall * Math.min(2, to.width - 2 * left));
    }
  }
  return out;
}

/**
 * Walk a query's attention back from the output of every block.
 * @param {(Cut & {stage: number, mean: Float32Array})[]} blocks in the order in which they run
 * @param {number} y @param {number} x pixel of the input
 * @returns {{tokens: Float64Array, lost: number}[]} one a block: what each patch of the image is worth
 */
export function rolloutFrom(blocks, y, x) {
  return blocks.map((last, index) => {
    let row = new Float64Array(last.geometry.height * last.geometry.width), lost = 0;
    row[Math.floor(y / last.geometry.stride) * last.geometry.width + Math.floor(x / last.geometry.stride)] = 1;
    for (let at = index; at >= 0; at--) {
      const { geometry, tables: { tokens }, mean } = blocks[at], area = geometry.windowArea;
      if (at < index && blocks[at].stage < blocks[at + 1].stage) row = spread(row, blocks[at + 1].geometry, geometry);
      const moved = new Float64Array(row.length);
      for (let place = 0; place < tokens.length; place++) {
        const weight = tokens[place] < 0 ? 0 : row[tokens[place]];
        if (!weight) continue;
        const window = Math.floor(place / area) * area;
        for (let key = 0; key < area; key++) {
          const share = weight * mean[place * area + key], token = tokens[window + key];
          if (token < 0) lost += share / 2;
          else moved[token] += share;
        }
      }
      row = row.map((weight, token) => (weight + moved[token]) / 2);
    }
    return { tokens: row, lost };
  });
}

/**
 * Patches that can influence the token over a pixel, after each block.
 * @param {(Cut & {stage: number})[]} blocks @param {number[]} size of the input @param {number} y @param {number} x
 * @returns {{patches: Float32Array, share: number}[]} 0 or 1 a patch, and the share of the image's pixels
 */
export function reachOf(blocks, size, y, x) {
  return blocks.map((last, index) => {
    let reached = new Uint8Array(last.geometry.height * last.geometry.width);
    reached[Math.floor(y / last.geometry.stride) * last.geometry.width + Math.floor(x / last.geometry.stride)] = 1;
    for (let at = index; at >= 0; at--) {
      const { geometry, tables: { tokens, regions } } = blocks[at], area = geometry.windowArea;
      if (at < index && blocks[at].stage < blocks[at + 1].stage) {
        const before = reached, { width } = blocks[at + 1].geometry;
        reached = Uint8Array.from({ length: geometry.height * geometry.width }, (_, token) =>
          before[(Math.floor(token / geometry.width) >> 1) * width + ((token % geometry.width) >> 1)]);
      }
      const touched = new Uint8Array(9 * geometry.numWindows);
      tokens.forEach((token, place) => { if (token >= 0 && reached[token]) touched[9 * Math.floor(place / area) + regions[place]] = 1; });
      reached = new Uint8Array(reached.length);
      tokens.forEach((token, place) => { if (token >= 0) reached[token] = touched[9 * Math.floor(place / area) + regions[place]]; });
    }
    const { width, stride } = blocks[0].geometry;
    let pixels = 0;
    reached.forEach((is, token) => {
      const top = stride * Math.floor(token / width), left = stride * (token % width);
      pixels += is * (Math.min(size[0], top + stride) - top) * (Math.min(size[1], left + stride) - left);
    });
    return { patches: Float32Array.from(reached), share: pixels / (size[0] * size[1]) };
  });
}
