/** Color maps: matplotlib's magma, and (diverging) ColorBrewer's PuOr, as evenly spaced control points. */

/** @typedef {[number, number, number]} Rgb red, green, blue, 0..255 */

// Perceptually even, readable in gray and with color-blind eyes. 33 points of magma are within 1.3 of 255
// levels everywhere.
const MAGMA = "0000040303110a0822130d331d114628115a36106a430f7650127c5d177f691c817621818226818f2a819c2e7fa9327db6"
  + "3779c33b75cf4170db486ae65163ee5c5ef5695cf9785dfb8761fd9668fea571feb47bfec387fed194fde0a2fceeb0fcfdbf";
const PURPLE_ORANGE = "2d004b5427888073acb2abd2d8daebf7f7f7fee0b6fdb863e08214b358067f3b08";

/** @param {string} hex two digits a channel, three channels a point */
function colorTable(hex) {
  const points = (hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
  const last = points.length / 3 - 1;
  const table = new Uint8ClampedArray(256 * 3);
  for (let level = 0; level < 256; level++) {
    const position = (level / 255) * last, left = Math.min(last - 1, Math.floor(position));
    for (let channel = 0; channel < 3; channel++) {
      const [a, b] = [points[3 * left + channel], points[3 * left + 3 + channel]];
      table[3 * level + channel] = a + (b - a) * (position - left);
    }
  }
  return table;
}

/** 256 colors of three bytes each. */
export const COLORS = { attention: colorTable(MAGMA), signed: colorTable(PURPLE_ORANGE) };

/** @param {Uint8ClampedArray} table @param {number} value 0..1 @returns {Rgb} */
export function colorOf(table, value) {
  const level = 3 * Math.max(0, Math.min(255, Math.round(255 * value)));
  return [table[level], table[level + 1], table[level + 2]];
}

/** @param {Rgb} color @param {number} alpha 0..1 */
export const css = ([red, green, blue], alpha = 1) => `rgba(${red}, ${green}, ${blue}, ${alpha})`;
