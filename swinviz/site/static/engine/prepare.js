/** From a picture's pixels to what the model reads; mirrors swinviz/images/resizing.py bit for bit. */

/**
 * @typedef {{data: Uint8Array | Uint8ClampedArray, height: number, width: number}} Picture RGB or RGBA bytes
 * @typedef {{first: Int32Array, second: Int32Array, firstWeight: Int32Array, secondWeight: Int32Array}} Taps
 */

const ONE = 2048; // a weight of 1 in fixed point

/** Round to the nearest whole number, halves to the even one, as numpy does. @param {number} value */
export function roundEven(value) {
  const down = Math.floor(value), rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

/**
 * The size with long edge at most `scale[0]` and short edge at most `scale[1]`, the ratio kept.
 * @param {number[]} size [height, width] @param {number[]} scale
 */
export function keepRatioSize(size, scale) {
  const factor = Math.min(Math.max(...scale) / Math.max(...size), Math.min(...scale) / Math.min(...size));
  return size.map((edge) => Math.max(1, Math.floor(edge * factor + 0.5)));
}

/** @param {number} length @param {number} size @param {boolean} repeatBorder @returns {Taps} */
function tapsOf(length, size, repeatBorder) {
  const taps = { first: new Int32Array(size), second: new Int32Array(size), firstWeight: new Int32Array(size), secondWeight: new Int32Array(size) };
  /** @param {number} at */
  const clip = (at) => Math.min(Math.max(at, 0), length - 1);
  for (let i = 0; i < size; i++) {
    const place = Math.fround((i + 0.5) * (1 / (size / length)) - 0.5);
    let first = Math.floor(place), fraction = Math.fround(place - first);
    if (!repeatBorder) {
      if (first < 0 || first >= length - 1) fraction = 0;
      first = Math.min(first, length - 1);
    }
    taps.first[i] = clip(first);
    taps.second[i] = clip(first + 1);
    taps.firstWeight[i] = roundEven(Math.fround(1 - fraction) * ONE);
    taps.secondWeight[i] = roundEven(fraction * ONE);
  }
  return taps;
}

/**
 * Resize as OpenCV's INTER_LINEAR does, to RGB.
 * @param {Picture} picture @param {number[]} size [height, width] @returns {Picture}
 */
export function resize({ data, height, width }, [tall, wide]) {
  const channels = data.length / (height * width);
  const out = new Uint8Array(3 * tall * wide);
  if (height === tall && width === wide) {
    for (let at = 0; at < tall * wide; at++) for (let c = 0; c < 3; c++) out[3 * at + c] = data[channels * at + c];
    return { data: out, height, width };
  }
  if (height === 2 * tall && width === 2 * wide) {
    for (let y = 0; y < tall; y++) for (let x = 0; x < wide; x++) for (let c = 0; c < 3; c++) {
      const at = channels * (2 * y * width + 2 * x) + c;
      out[3 * (y * wide + x) + c] = (data[at] + data[at + channels] + data[at + channels * width] + data[at + channels * (width + 1)] + 2) >> 2;
    }
    return { data: out, height: tall, width: wide };
  }
  const down = tapsOf(height, tall, true), right = tapsOf(width, wide, false);
  /** @type {Map<number, Int32Array>} */
  const rows = new Map(); // old rows, resized along their length
  /** @param {number} row */
  const rowOf = (row) => {
    let mixed = rows.get(row);
    if (!mixed) {
      mixed = new Int32Array(3 * wide);
      const start = row * width * channels;
      for (let x = 0; x < wide; x++) {
        const a = start + right.first[x] * channels, b = start + right.second[x] * channels;
        for (let c = 0; c < 3; c++) mixed[3 * x + c] = (data[a + c] * right.firstWeight[x] + data[b + c] * right.secondWeight[x]) >> 4;
      }
      rows.set(row, mixed);
      if (rows.size > 4) rows.delete(/** @type {number} */ (rows.keys().next().value));
    }
    return mixed;
  };
  for (let y = 0; y < tall; y++) {
    const above = rowOf(down.first[y]), below = rowOf(down.second[y]);
    const u = down.firstWeight[y], v = down.secondWeight[y];
    for (let at = 0; at < 3 * wide; at++) out[3 * y * wide + at] = (((above[at] * u) >> 16) + ((below[at] * v) >> 16) + 2) >> 2;
  }
  return { data: out, height: tall, width: wide };
}

/**
 * Normalized planes 3 x height x width of an RGB picture.
 * @param {Picture} picture @param {number[]} mean @param {number[]} std
 */
export function normalize({ data, height, width }, mean, std) {
  const area = height * width, planes = new Float32Array(3 * area);
  for (let c = 0; c < 3; c++) {
    const middle = Math.fround(mean[c]), spread = Math.fround(std[c]);
    for (let at = 0; at < area; at++) planes[c * area + at] = Math.fround(data[3 * at + c] - middle) / spread;
  }
  return planes;
}
