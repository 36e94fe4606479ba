/**
 * Color maps as evenly spaced control points: matplotlib's inferno for amounts, and ColorBrewer's PuOr for signed
 * numbers. Which they are is decided in swinviz/plots/style.py (HEAT, DIVERGING), and a test holds these tables to it;
 * every page takes them from here.
 */

/** @typedef {[number, number, number]} Rgb red, green, blue, 0..255 */

// Perceptually even, readable in gray and with color-blind eyes. 33 points are within 1.5 of 255 levels everywhere.
const INFERNO = "0000040403120b0724150b37210c4a2e0a5a3c09654a0c6b57106d63146e70196e7d1e6d89226a962766a32b61af315cbb3755c63e4d"
  + "d14644db4f3be35932eb6528f1711ef67f14f98d0afb9c06fcab0ffbba1ff9ca32f5d949f2e865f3f586fcffa4";
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

/**
 * Opacity of a color over the picture, 0..1: where little is attended, the picture shows.
 * @param {number} value 0..1, relative to the largest
 */
export const opacityOf = (value) => Math.sqrt(Math.max(0, Math.min(1, value)));

/** 256 colors of three bytes each. */
export const COLORS = { attention: colorTable(INFERNO), signed: colorTable(PURPLE_ORANGE) };

/** The query's mark: a color that no amount has, on any picture. */
export const QUERY_COLOR = "#3df5e0";

/** @param {Uint8ClampedArray} table @param {number} value 0..1 @returns {Rgb} */
export function colorOf(table, value) {
  const level = 3 * Math.max(0, Math.min(255, Math.round(255 * value)));
  return [table[level], table[level + 1], table[level + 2]];
}

/** @param {Rgb} color @param {number} alpha 0..1 */
export const css = ([red, green, blue], alpha = 1) => `rgba(${red}, ${green}, ${blue}, ${alpha})`;
