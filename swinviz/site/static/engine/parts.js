/** A block's pattern taken apart into content, position and mask; mirrors swinviz/attention/decomposition.py. */

/**
 * @import {Geometry} from "../../../explorer/static/geometry.js"
 * @import {Tables} from "./walks.js"
 */

const MASK_VALUE = -100;
const PARTS = /** @type {const} */ (["content", "position", "unmasked"]);

/** Logarithm of the softmax, in place. @param {Float64Array} scores */
function logSoftmax(scores) {
  let peak = -Infinity, total = 0;
  for (const score of scores) if (score > peak) peak = score;
  for (const score of scores) total += Math.exp(score - peak);
  const below = peak + Math.log(total);
  for (let at = 0; at < scores.length; at++) scores[at] -= below;
}

/**
 * @param {Float32Array} q windows x heads x N x d, not yet scaled @param {Float32Array} k the same
 * @param {Float32Array} bias heads x N x N @param {Geometry} geometry @param {Tables} tables
 */
export function decomposer(q, k, bias, geometry, { tokens, regions }) {
  const { numWindows, windowArea: area, shiftSize } = geometry;
  const heads = bias.length / area ** 2, depth = q.length / (numWindows * heads * area), scale = depth ** -0.5;

  /** Logarithms of the parts of a query's row. @param {number} window @param {number} head @param {number} query */
  function logsOf(window, head, query) {
    const first = (window * heads + head) * area, from = (first + query) * depth;
    const content = new Float64Array(area), position = new Float64Array(area);
    for (let key = 0; key < area; key++) {
      let product = 0;
      for (let i = 0, at = (first + key) * depth; i < depth; i++) product += q[from + i] * k[at + i];
      content[key] = product * scale;
      position[key] = bias[(head * area + query) * area + key];
    }
    const unmasked = content.map((score, key) => score + position[key]);
    const region = regions[window * area + query];
    const full = shiftSize ? unmasked.map((score, key) => score + (regions[window * area + key] === region ? 0 : MASK_VALUE)) : unmasked.slice();
    for (const scores of [content, position, unmasked, full]) logSoftmax(scores);
    return { content, position, unmasked, full };
  }

  /** @type {Record<"content" | "position" | "mask", number[]> | null} */
  let divergence = null;
  return {
    /** The parts of one query, heads x N each. @param {number} window @param {number} query */
    partsOf(window, query) {
      const out = { content: new Float32Array(heads * area), position: new Float32Array(heads * area), unmasked: new Float32Array(heads * area) };
      for (let head = 0; head < heads; head++) {
        const logs = logsOf(window, head, query);
        for (const part of PARTS) out[part].set(logs[part].map(Math.exp), head * area);
      }
      return out;
    },
    /** Mean divergence of the whole from each part, by head, over the queries that are not padding. */
    divergence() {
      if (divergence) return divergence;
      const sums = PARTS.map(() => new Float64Array(heads));
      let real = 0;
      for (let place = 0; place < tokens.length; place++) {
        if (tokens[place] < 0) continue;
        real++;
        for (let head = 0; head < heads; head++) {
          const logs = logsOf(Math.floor(place / area), head, place % area);
          for (let key = 0; key < area; key++) {
            const share = Math.exp(logs.full[key]);
            PARTS.forEach((part, index) => { sums[index][head] += share * (logs.full[key] - logs[part][key]); });
          }
        }
      }
      const [content, position, mask] = sums.map((sum) => Array.from(sum, (value) => value / real));
      divergence = { content, position, mask };
      return divergence;
    },
  };
}
