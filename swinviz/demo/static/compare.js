/** Two segmentations of one picture under one slider, and what differs between them. */

/**
 * @import {Rgb} from "./canvas.js"
 * @typedef {{title: string, labels: string, scores: string, classes: string[], palette: Rgb[], unsureBelow: number}} Side
 * @typedef {{name: string, color: Rgb, shares: number[], dotted: boolean}} Row of the table: a class, or what is unsure
 * @typedef {{image: string, flipped: string, flippedShare: number, sides: Side[], link: Record<string, string>}} Result
 */
import { writeAddress } from "./address.js";
import { channel, contextOf, decode, fit, make, paint, percent, rgb } from "./canvas.js";
import { slider, tickBox } from "./controls.js";
import { alikeClasses, nameOf, paintLabels, sharesOf, UNSURE, UNSURE_COLOR, UNSURE_NAME } from "./labels.js";

const FLIPPED = new Uint32Array(256);
new Uint8ClampedArray(FLIPPED.buffer).set([255, 255, 255, 255], 4 * 255);
const SMALLEST = 0.0005; // share below which a row would read 0.0 %, or a change no change

/** Difference of percentages. @param {number} change in shares */
const points = (change) => `${change < 0 ? "−" : "+"}${(100 * Math.abs(change)).toFixed(1)}`;

/** @param {HTMLElement} root */
export function mount(root) {
  const view = {
    image: /** @type {ImageBitmap | null} */ (null), flips: /** @type {OffscreenCanvas | null} */ (null),
    sides: /** @type {OffscreenCanvas[]} */ ([]), split: 0.5, opacity: 0.6, onlyFlips: false,
  };
  const canvas = make("canvas", { class: "sv-canvas", role: "img", "aria-label": "two segmentations of one picture" });
  const divider = make("div", { class: "sv-divider" });
  const titles = [make("span", { class: "sv-side sv-left" }), make("span", { class: "sv-side sv-right" })];
  const empty = make("div", { class: "sv-empty" }, "Choose a picture in the Image tab; here two models, or one before and after an edit, are set side by side.");
  const stage = make("div", { class: "sv-stage" }, canvas, divider, ...titles, empty);
  const split = slider("Left | right", 50, (value) => { view.split = value / 100; draw(); });
  const opacity = slider("Overlay", 60, (value) => { view.opacity = value / 100; draw(); });
  const flips = tickBox("Changed pixels", false, (checked) => { view.onlyFlips = checked; draw(); });
  const table = make("table", { class: "sv-table" });
  const changed = make("strong", { class: "sv-changed" });
  const frame = make("div", { class: "sv-viewer", "data-state": "empty" },
    make("div", { class: "sv-bar" }, split.element, opacity.element, flips.element, changed),
    make("div", { class: "sv-columns" }, stage, make("div", { class: "sv-legend sv-wide" }, table)));
  root.replaceChildren(frame);
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); follow(event); });

  /** @param {PointerEvent} event */
  function follow(event) {
    const { left, width } = canvas.getBoundingClientRect();
    view.split = Math.min(1, Math.max(0, (event.clientX - left) / width));
    split.set(100 * view.split);
    draw();
  }

  /** @param {Result | null} result */
  async function show(result) {
    if (!result) return;
    const [image, flipped, ...planes] = await Promise.all(
      [result.image, result.flipped, ...result.sides.flatMap((side) => [side.labels, side.scores])].map(decode));
    const maps = result.sides.map((_, index) => ({ labels: channel(planes[2 * index]), scores: channel(planes[2 * index + 1]) }));
    const rows = rowsOf(result.sides, result.sides.map((side, index) => sharesOf(maps[index], side.unsureBelow)));
    const dots = new Set(rows.filter(({ dotted }) => dotted).map(({ name }) => name));
    const sides = result.sides.map(({ palette, classes, unsureBelow }, index) => paintLabels(maps[index], palette,
      { unsureBelow, dotted: new Set(classes.flatMap((name, number) => (dots.has(name) ? [number] : []))) }));
    Object.assign(view, { image, sides, flips: paint(channel(flipped), FLIPPED) });
    fit(stage, canvas, image);
    result.sides.forEach((side, index) => { titles[index].textContent = side.title; });
    changed.textContent = `${percent(result.flippedShare)} of the pixels change their class`;
    table.replaceChildren(...tableOf(rows));
    writeAddress(result.link);
    draw();
    frame.dataset.state = "ready";
  }

  function draw() {
    if (!view.image || !view.flips) return;
    const context = contextOf(canvas);
    const { width, height } = canvas;
    const middle = Math.round(view.split * width);
    context.globalAlpha = 1;
    context.filter = view.onlyFlips ? "grayscale(1) brightness(.6)" : "none";
    context.drawImage(view.image, 0, 0);
    context.filter = "none";
    context.globalAlpha = view.onlyFlips ? 0.25 * view.opacity : view.opacity;
    const parts = [[0, middle], [middle, width - middle]];
    view.sides.forEach((side, index) => {
      const [left, across] = parts[index];
      if (across > 0) context.drawImage(side, left, 0, across, height, left, 0, across, height);
    });
    context.globalAlpha = 0.85;
    if (view.onlyFlips) context.drawImage(view.flips, 0, 0);
    divider.style.left = `${100 * view.split}%`;
  }

  return { show };
}

/**
 * Rows of the table: the largest first, what is unsure last. Classes are those of one name, whatever their numbers.
 * @param {Side[]} sides @param {import("./labels.js").Share[][]} shares of each side
 * @returns {Row[]}
 */
function rowsOf(sides, shares) {
  /** @type {Map<string, Row>} */
  const rows = new Map();
  sides.forEach(({ classes, palette }, side) => {
    for (const [index, share] of shares[side]) {
      const name = nameOf(classes, index), color = index === UNSURE ? UNSURE_COLOR : palette[index];
      const row = rows.get(name) ?? { name, color, shares: [0, 0], dotted: false };
      row.shares[side] = share;
      rows.set(name, row);
    }
  });
  const listed = [...rows.values()].sort((a, b) => Number(a.name === UNSURE_NAME) - Number(b.name === UNSURE_NAME)
    || Math.max(...b.shares) - Math.max(...a.shares));
  const named = listed.filter(({ name }) => name !== UNSURE_NAME);
  for (const place of alikeClasses(named.map(({ color }) => color), [...named.keys()])) named[place].dotted = true;
  return listed;
}

/** Head and body of the table of shares. @param {Row[]} rows */
function tableOf(rows) {
  const body = rows.map(({ name, color, shares: [left, right], dotted }) => {
    const pattern = name === UNSURE_NAME ? "striped" : dotted ? "dotted" : "plain";
    return make("tr", {},
      make("th", { scope: "row", class: "sv-name" },
        make("span", { class: "sv-swatch", "data-pattern": pattern, style: `--color:${rgb(color)}` }), name),
      make("td", {}, percent(left)), make("td", {}, percent(right)),
      make("td", { class: Math.abs(right - left) < SMALLEST ? "sv-same" : "" }, points(right - left)));
  });
  const head = ["class", "left", "right", "change, points"].map((text) => make("th", { scope: "col" }, text));
  return [make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body)];
}
