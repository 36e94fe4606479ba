/** The pixel lens: what the model would answer if it stopped after each block, and where the clicked pixel is decided. */

/**
 * @import {Actions} from "../actions.js"
 * @import {BlockInfo, Manifest, View} from "../view.js"
 * @import {LensReading} from "../lens.js"
 * @import {Message} from "../wire_format.js"
 */

import { QUERY_COLOR } from "../colors.js";
import { contextOf, make } from "../dom.js";
import { rich } from "../glossary.js";
import { blockName, formatShare } from "../labels.js";
import { decidedAt, lensPlace, messageOf, readLens } from "../lens.js";
import { bitmap } from "../painting.js";

const THUMBNAIL = 208; // device pixels along the longer side; the style sheet says how large it is shown

/** @type {WeakMap<Message["arrays"], HTMLCanvasElement[]>} */
const lensBitmaps = new WeakMap();

/** The classes' colors after one block, faint where the model is not sure. @param {Message} lens @param {Manifest} manifest @param {number} block */
function lensBitmap({ arrays }, { palette }, block) {
  const painted = lensBitmaps.get(arrays) ?? [];
  lensBitmaps.set(arrays, painted);
  const { labels: { data, shape: [, height, width] }, confidence } = arrays, first = block * height * width;
  return (painted[block] ??= bitmap([height, width], (pixels) => {
    for (let at = 0; at < height * width; at++) {
      pixels.set(palette[data[first + at]], 4 * at);
      pixels[4 * at + 3] = confidence.data[first + at];
    }
  }));
}

/** @param {BlockInfo} block @param {Actions} actions @param {number[]} size */
function makeLensBlock(block, actions, [tall, wide]) {
  const scale = THUMBNAIL / Math.max(tall, wide);
  const canvas = make("canvas", { width: Math.round(wide * scale), height: Math.round(tall * scale), "aria-hidden": "true" });
  const name = make("b", {}, `${block.stage}·${block.block}`), label = make("span"), flips = make("small");
  const element = make("button", { type: "button", class: "swv-lens-block", onclick: () => actions.chooseBlock(block) },
    canvas, make("span", { class: "swv-lens-said" }, name, " ", label), flips);
  return { block, element, canvas, label, flips, scale };
}

/** @param {View} view @param {LensReading[]} readings */
function lensText({ manifest: { blocks, classes }, state: { y, x } }, readings) {
  const decided = decidedAt(readings), last = readings[readings.length - 1];
  const flips = readings.filter(({ flipped }) => flipped).length;
  const turns = flips ? `It changes its mind ${flips === 1 ? "once" : `${flips} times`}.` : "It never changes its mind.";
  return `The pixel (y ${y}, x ${x}) is decided after ${blockName(blocks[decided])}: from there on it stays ${classes[last.label]}, `
    + `in the end ${formatShare(last.confidence)} sure. ${turns}`;
}

/** @param {Manifest} manifest @param {Actions} actions @param {HTMLCanvasElement} image */
export function makeLensStrip(manifest, actions, image) {
  const blocks = manifest.blocks.map((block) => makeLensBlock(block, actions, manifest.size));
  const answer = make("p", { class: "swv-finding" });
  const waiting = make("progress", { class: "swv-progress", "aria-label": "running the decode head after every block" });
  const strip = make("div", { class: "swv-lens", role: "group", "aria-label": "Answers block by block" }, blocks.map(({ element }) => element));
  return {
    elements: [
      make("h2", {}, rich("{lens|Pixel lens}: the answer if the model stopped here")), answer, waiting, strip,
      make("p", { class: "swv-note" }, rich("The real decode head reads the map after each block, all later blocks skipped; the unedited "
        + "model, at the decode head's resolution of 4 × 4 pixels; softmax over classes. Faint: not sure. ↷: the pixel's class changed.")),
    ],
    /** @param {View} view */
    show(view) {
      const { state, chosen } = view, lens = messageOf(view.lens);
      waiting.hidden = Boolean(lens || view.lens?.error);
      strip.hidden = !lens;
      if (!lens) { answer.textContent = view.lens?.error ?? `Running the decode head after each of ${blocks.length} blocks …`; return; }
      const readings = readLens(lens, state.y, state.x), decided = decidedAt(readings);
      answer.textContent = lensText(view, readings);
      const [row, column] = lensPlace(lens, state.y, state.x);
      blocks.forEach(({ block, element, canvas, label, flips, scale }, index) => {
        const { label: found, confidence, flipped } = readings[index], [tall, wide] = manifest.size;
        const said = `${formatShare(confidence)} ${manifest.classes[found]}`;
        const [, height, width] = lens.arrays.labels.shape;
        const context = contextOf(canvas);
        context.clearRect(0, 0, canvas.width, canvas.height);
        context.globalAlpha = 0.25;
        context.drawImage(image, 0, 0, wide * scale, tall * scale);
        context.globalAlpha = 1;
        context.imageSmoothingEnabled = false;
        context.drawImage(lensBitmap(lens, manifest, index), 0, 0, 4 * width * scale, 4 * height * scale);
        const side = Math.max(8, 4 * scale), [y, x] = [(row + 0.5) * 4 * scale - side / 2, (column + 0.5) * 4 * scale - side / 2];
        context.fillStyle = "#000";
        context.fillRect(x - 2, y - 2, side + 4, side + 4);
        context.fillStyle = QUERY_COLOR;
        context.fillRect(x, y, side, side);
        label.textContent = `${flipped ? "↷ " : ""}${said}`;
        flips.textContent = `${index === decided ? "decided · " : ""}${index ? `${formatShare(lens.header.flipped[index])} flip` : "first"}`;
        element.classList.toggle("swv-decided", index === decided);
        element.setAttribute("aria-pressed", String(block === chosen));
        element.setAttribute("aria-label", `${blockName(block)}: ${said}${flipped ? ", changed here" : ""}${index === decided ? ", decided here" : ""}`
          + `${index ? `; ${formatShare(lens.header.flipped[index])} of the picture changes` : ""}`);
      });
    },
  };
}
