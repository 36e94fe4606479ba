/** What looks like the query: cosines between token vectors; mirrors swinviz.features.token_similarity. */

/**
 * @import {Answer} from "./answers.js"
 * @import {TokenWeight} from "./geometry.js"
 * @import {Message} from "./wire_format.js"
 * @typedef {{vectors: Int8Array, lengths: Float32Array, scales: Float32Array, height: number, width: number,
 *   channels: number, stride: number}} Features a block's token vectors: whole numbers, their lengths, the value of 1
 * @typedef {{values: Float32Array, height: number, width: number, stride: number}} Similarity one cosine a token, -1 to 1
 */

/** @type {WeakMap<Message["arrays"], Features>} */
const known = new WeakMap();

/** @param {Message} message the answer to "features" @returns {Features} */
export function featuresOf({ header: { stride }, arrays }) {
  const read = known.get(arrays);
  if (read) return read;
  const { levels: { data, shape: [height, width, channels] }, peaks } = arrays;
  const vectors = Int8Array.from(data, (level) => level - 128);
  const lengths = Float32Array.from({ length: height * width }, (_, token) => {
    let sum = 0;
    for (let at = token * channels; at < (token + 1) * channels; at++) sum += vectors[at] * vectors[at];
    return Math.sqrt(sum);
  });
  const scales = Float32Array.from(peaks.data, (peak) => (peak * peaks.step) / 127);
  const features = { vectors, lengths, scales, height, width, channels, stride };
  known.set(arrays, features);
  return features;
}

/**
 * Vector of a place: the mean over its tokens.
 * @param {Features} features @param {Pick<TokenWeight, "row" | "column" | "weight">[]} weights
 */
export function vectorAt({ vectors, scales, width, channels }, weights) {
  const mean = new Float32Array(channels);
  for (const { row, column, weight } of weights) {
    const token = row * width + column, factor = weight * scales[token];
    for (let channel = 0; channel < channels; channel++) mean[channel] += factor * vectors[token * channels + channel];
  }
  return mean;
}

/**
 * Cosine of a vector with that of every token; a vector of zeros is similar to nothing: 0.
 * @param {Features} features @param {Float32Array} vector @returns {Similarity}
 */
export function similarityTo({ vectors, lengths, height, width, channels, stride }, vector) {
  const length = Math.hypot(...vector) || 1;
  const values = Float32Array.from({ length: height * width }, (_, token) => {
    let sum = 0;
    for (let channel = 0, at = token * channels; channel < channels; channel++, at++) sum += vector[channel] * vectors[at];
    return sum / ((lengths[token] || 1) * length);
  });
  return { values, height, width, stride };
}

/**
 * The most similar token that counts: its row and column, the middle of its pixels, its cosine; null if none counts.
 * @param {Similarity} similarity @param {(row: number, column: number) => boolean} counts
 */
export function mostSimilar({ values, width, stride }, counts = () => true) {
  let best = -1;
  values.forEach((value, token) => {
    if ((best < 0 || value > values[best]) && counts(Math.floor(token / width), token % width)) best = token;
  });
  if (best < 0) return null;
  const row = Math.floor(best / width), column = best % width;
  return { row, column, y: row * stride + (stride >> 1), x: column * stride + (stride >> 1), cosine: values[best] };
}

/** Cosine of the token that covers a pixel, or null outside. @param {Similarity} similarity @param {number} y @param {number} x */
export function cosineAt({ values, height, width, stride }, y, x) {
  const row = Math.floor(y / stride), column = Math.floor(x / stride);
  return row >= 0 && column >= 0 && row < height && column < width ? values[row * width + column] : null;
}

/** @type {WeakMap<Message["arrays"], {place: string, vector: Float32Array}>} */
const lastVectors = new WeakMap();
/** @type {WeakMap<Message["arrays"], {vector: Float32Array, similarity: Similarity}>} */
const lastSimilar = new WeakMap();

/**
 * What looks like a place of the picture whose vectors are `own`, among the tokens of `shown`: kept as long as the
 * place stays, because pages are drawn much more often than it moves.
 * @param {Answer | null | undefined} own @param {Answer | null | undefined} shown @param {TokenWeight[]} weights of the place
 * @returns {Similarity | {error: string} | null} null while an answer is awaited
 */
export function similarityOf(own, shown, weights) {
  const error = own?.error ?? shown?.error;
  if (error) return { error };
  if (!own?.arrays || !shown?.arrays) return null;
  const place = weights.map(({ row, column, weight }) => `${row} ${column} ${weight}`).join();
  let asked = lastVectors.get(own.arrays);
  if (asked?.place !== place) {
    asked = { place, vector: vectorAt(featuresOf(/** @type {Message} */ (own)), weights) };
    lastVectors.set(own.arrays, asked);
  }
  let found = lastSimilar.get(shown.arrays);
  if (found?.vector !== asked.vector) {
    found = { vector: asked.vector, similarity: similarityTo(featuresOf(/** @type {Message} */ (shown)), asked.vector) };
    lastSimilar.set(shown.arrays, found);
  }
  return found.similarity;
}
