/**
 * Label maps as colors and as shares. Pixels whose confidence is below a threshold are unsure: striped in gray, and
 * counted apart; classes whose colors could be taken for one another are told apart by dots.
 *
 * @import {Plane, Rgb} from "./canvas.js"
 * @typedef {{labels: Plane, scores: Plane | null}} LabelMap class numbers; confidence in percent
 * @typedef {[index: number, share: number]} Share
 */
import { paintEach, word } from "./canvas.js";

/** Number, in legends, of the pixels that the model does not claim to know. */
export const UNSURE = -1;
export const UNSURE_NAME = "unsure";
/** @type {Rgb} */
export const UNSURE_COLOR = [128, 128, 128];

const SHADE = [16, 18, 24, 190];
const STRIPE = 8, DOT = 6; // pixels from one stripe or dot to the next
const ALIKE = 110; // distance of colors below which they could be taken for one another
const SMALLEST = 0.0005; // share below which a row would read 0.0 %

/** How different two colors look: Riemersma's weighted distance. @param {Rgb} a @param {Rgb} b */
function distance(a, b) {
  const red = (a[0] + b[0]) / 2;
  const [dr, dg, db] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  return Math.sqrt((2 + red / 256) * dr * dr + 4 * dg * dg + (2 + (255 - red) / 256) * db * db);
}

/**
 * Classes to be dotted: each whose color is near that of a class before it.
 * @param {Rgb[]} palette @param {number[]} indices classes that occur, the most important first
 */
export function alikeClasses(palette, indices) {
  /** @type {Set<number>} */
  const dotted = new Set();
  indices.forEach((index, place) => {
    const plain = indices.slice(0, place).filter((other) => other >= 0 && !dotted.has(other));
    if (index >= 0 && plain.some((other) => distance(palette[index], palette[other]) < ALIKE)) dotted.add(index);
  });
  return dotted;
}

/**
 * Paint a label map on a transparent canvas of its own size.
 * @param {LabelMap} map @param {Rgb[]} palette
 * @param {{only?: number | null, unsureBelow?: number, dotted?: Set<number>}} options a class to keep, all others
 *   shaded; the threshold in percent; classes to be dotted
 */
export function paintLabels({ labels, scores }, palette, { only = null, unsureBelow = 0, dotted = new Set() } = {}) {
  const shade = word(SHADE), gray = word([...UNSURE_COLOR, 255]);
  const plain = new Uint32Array(256), dark = new Uint32Array(256);
  for (let index = 0; index < 256; index++) {
    const color = palette[index] ?? [0, 0, 0];
    const shown = only === null || only === index;
    plain[index] = shown ? word([...color, 255]) : shade;
    dark[index] = shown && dotted.has(index) ? word([...color.map((value) => 0.45 * value), 255]) : plain[index];
  }
  const { values, width } = labels;
  return paintEach(labels, (place) => {
    const label = values[place];
    const x = place % width, y = (place - x) / width;
    if (scores && scores.values[place] < unsureBelow) {
      if (only !== null && only !== UNSURE) return shade;
      if ((x + y) % STRIPE < STRIPE / 2) return gray;
      return only === UNSURE ? word([...(palette[label] ?? UNSURE_COLOR), 255]) : plain[label];
    }
    if (only === UNSURE) return shade;
    return x % DOT < DOT / 3 && y % DOT < DOT / 3 ? dark[label] : plain[label];
  });
}

/**
 * Shares of the classes, largest first, and last that of the unsure pixels; without those that would read 0.0 %.
 * @param {LabelMap} map @param {number} unsureBelow percent
 * @returns {Share[]}
 */
export function sharesOf({ labels, scores }, unsureBelow) {
  const counts = new Uint32Array(256);
  let unsure = 0;
  for (let place = 0; place < labels.values.length; place++) {
    if (scores && scores.values[place] < unsureBelow) unsure++;
    else counts[labels.values[place]]++;
  }
  const total = labels.values.length;
  /** @type {Share[]} */
  const rows = Array.from(counts, (count, index) => [index, count / total]);
  rows.sort((a, b) => b[1] - a[1]);
  return [...rows, /** @type {Share} */ ([UNSURE, unsure / total])].filter(([, share]) => share >= SMALLEST);
}

/** Name of a class, or of the unsure pixels. @param {string[]} classes @param {number} index */
export const nameOf = (classes, index) => (index === UNSURE ? UNSURE_NAME : classes[index]);
