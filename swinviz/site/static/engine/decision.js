/** Shares of a pixel's logit by level and pooling scale; mirrors swinviz/attribution/logit_attribution.py. */

/**
 * @typedef {{data: Float32Array, dims: readonly number[]}} Tensor
 * @typedef {{data: Float64Array, channels: number, height: number, width: number}} Planes
 * @typedef {{place: number[], weight: number}[]} Taps
 */

/** A map 1 x C x h x w of the graph. @param {Tensor} tensor @returns {Planes} */
const planesOf = ({ data, dims: [, channels, height, width] }) => ({ data: Float64Array.from(data), channels, height, width });

/**
 * What an upsampled place reads of one axis of a coarser map, and how much of it.
 * @param {number} at place on the long axis @param {number} long @param {number} short lengths of both
 * @returns {[number, number][]} place on the short axis, weight
 */
function tapsOf(at, long, short) {
  const source = Math.max(0, (at + 0.5) * (short / long) - 0.5), first = Math.min(short - 1, Math.floor(source));
  const rest = source - first, second = Math.min(short - 1, first + 1);
  return second === first ? [[first, 1]] : [[first, 1 - rest], [second, rest]];
}

/** @param {Planes} map @param {number} height @param {number} width @returns {Planes} */
function upsampled({ data, channels, height: low, width: short }, height, width) {
  const out = new Float64Array(channels * height * width);
  for (let y = 0; y < height; y++) for (const [row, vertical] of tapsOf(y, height, low)) {
    for (let x = 0; x < width; x++) for (const [column, horizontal] of tapsOf(x, width, short)) {
      for (let c = 0; c < channels; c++) {
        out[(c * height + y) * width + x] += vertical * horizontal * data[(c * low + row) * short + column];
      }
    }
  }
  return { data: out, channels, height, width };
}

/**
 * A 3x3 convolution of a map with some of a kernel's input channels.
 * @param {Planes} map @param {Tensor} kernel @param {number} first input channel @returns {Planes}
 */
function convolved({ data, channels, height, width }, { data: weights, dims: [outputs, inputs] }, first) {
  const out = new Float64Array(outputs * height * width);
  for (let o = 0; o < outputs; o++) for (let c = 0; c < channels; c++) for (let tap = 0; tap < 9; tap++) {
    const weight = weights[(o * inputs + first + c) * 9 + tap], down = Math.floor(tap / 3) - 1, right = (tap % 3) - 1;
    for (let y = Math.max(0, -down); y < Math.min(height, height - down); y++) {
      const to = (o * height + y) * width, from = (c * height + y + down) * width + right;
      for (let x = Math.max(0, -right); x < Math.min(width, width - right); x++) out[to + x] += weight * data[from + x];
    }
  }
  return { data: out, channels: outputs, height, width };
}

/**
 * How a sum over a few places of a 3x3 convolution's result hangs on the coarser map that was upsampled for it.
 * @param {{row: number, column: number, pull: Float64Array}[]} places of the result, and what each channel counts there
 * @param {Tensor} kernel @param {number} first input channel
 * @param {number[]} fine size of the result @param {Planes} coarse
 */
function pulledBack(places, { data: weights, dims: [outputs, inputs] }, first, [tall, wide], { channels, height, width }) {
  const out = new Float64Array(channels * height * width);
  for (const { row, column, pull } of places) for (let tap = 0; tap < 9; tap++) {
    const y = row + Math.floor(tap / 3) - 1, x = column + (tap % 3) - 1;
    if (y < 0 || y >= tall || x < 0 || x >= wide) continue; // zeros beyond the map's border
    const counts = new Float64Array(channels);
    for (let o = 0; o < outputs; o++) {
      if (pull[o]) for (let c = 0; c < channels; c++) counts[c] += pull[o] * weights[(o * inputs + first + c) * 9 + tap];
    }
    for (const [down, vertical] of tapsOf(y, tall, height)) for (const [right, horizontal] of tapsOf(x, wide, width)) {
      for (let c = 0; c < channels; c++) out[(c * height + down) * width + right] += vertical * horizontal * counts[c];
    }
  }
  return out;
}

/** @param {Float64Array} a @param {Float64Array} b */
const product = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);

/**
 * One image in the decode head, ready to split the logits of its pixels.
 * @param {Record<string, Tensor>} outputs of the graph
 * @param {{levels: number, scales: number[], epsilon: number, size: number[]}} head number of levels, pooling scales, the fusion's
 *   batch normalization, [height, width] of the input
 * @param {ArrayLike<number>} kept 0 for a level that is dropped from the fusion, else 1
 */
export function decider(outputs, { levels: count, scales, epsilon, size }, kept) {
  const last = count - 1, coarse = planesOf(outputs["head.bottleneck"]), fused = planesOf(outputs["head.fusion"]);
  const levels = [...Array.from({ length: last }, (_, level) => planesOf(outputs[`head.fpn.${level}`])), coarse];
  /** @param {string} name */
  const weight = (name) => outputs[`weight:head.${name}`];
  const kernel = weight("fusion.conv.weight"), classifier = weight("classifier.weight").data;
  const [gain, offset, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((name) => weight(`fusion.bn.${name}`).data);
  const scale = gain.map((value, c) => value / Math.sqrt(variance[c] + epsilon)), shift = offset.map((value, c) => value - mean[c] * scale[c]);
  const sources = [planesOf(outputs[`stages.${last}.out`]),
    ...scales.map((_, index) => upsampled(planesOf(outputs[`head.ppm.${index}`]), coarse.height, coarse.width))];
  let first = 0;
  const parts = sources.map((source) => {
    const part = convolved(source, weight("bottleneck.conv.weight"), first);
    first += source.channels;
    return part.data;
  });

  /** @param {number} y @param {number} x pixel of the input @param {number} label */
  return (y, x, label) => {
    const { channels, height, width } = fused, area = height * width;
    /** @type {{row: number, column: number, pull: Float64Array}[]} */
    const places = [];
    let constant = weight("classifier.bias").data[label];
    for (const [row, vertical] of tapsOf(y, size[0], height)) for (const [column, horizontal] of tapsOf(x, size[1], width)) {
      const pull = new Float64Array(channels);
      for (let c = 0; c < channels; c++) {
        if (!(fused.data[c * area + row * width + column] > 0)) continue;
        const counts = vertical * horizontal * classifier[label * channels + c];
        pull[c] = counts * scale[c];
        constant += counts * shift[c];
      }
      places.push({ row, column, pull });
    }
    const pulled = levels.map((level, index) => pulledBack(places, kernel, index * channels, [height, width], level));
    const shares = levels.map((level, index) => kept[index] * product(level.data, pulled[index]));
    const open = pulled[last].map((value, at) => (coarse.data[at] > 0 ? kept[last] * value : 0)), across = coarse.height * coarse.width;
    const bias = weight("bottleneck.conv.bias").data;
    return {
      class_index: label, levels: shares, constant, backbone: product(parts[0], open),
      pooling: scales.map((side, index) => [side, product(parts[index + 1], open)]),
      bottleneck_constant: open.reduce((sum, value, at) => sum + value * bias[Math.floor(at / across)], 0),
    };
  };
}
