/** The segmentation viewer: a picture, what the model says each pixel is, and a legend that answers to clicks. */

/**
 * @import {Rgb} from "./canvas.js"
 * @import {LabelMap} from "./labels.js"
 * @typedef {{
 *   image: string, labels: string, scores: string, classes: string[], palette: Rgb[], shares: [number, number][],
 *   unsureBelow: number, note: string, name: string, link: Record<string, string>,
 * }} Result what encoding.py makes
 * @typedef {{x: number, y: number}} Pixel
 */
import { followTabs, openTab, served, writeAddress } from "./address.js";
import { pointAttention } from "./attention.js";
import { channel, contextOf, dataToBlob, decode, download, fit, make, pixelAt } from "./canvas.js";
import { button, slider } from "./controls.js";
import { withLegend } from "./download.js";
import { makeLegend } from "./legend.js";
import { alikeClasses, nameOf, paintLabels, sharesOf, UNSURE_NAME } from "./labels.js";

const DRAGGED = 4; // screen pixels: a pointer that moved less has clicked
/** @type {Record<string, [across: number, down: number]>} */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @param {HTMLElement} root @param {(detail: Record<string, string>) => void} select asks for what an address names */
export function mount(root, select) {
  const view = {
    result: /** @type {Result | null} */ (null), image: /** @type {ImageBitmap | null} */ (null),
    map: /** @type {LabelMap | null} */ (null), overlay: /** @type {OffscreenCanvas | null} */ (null),
    shares: /** @type {import("./labels.js").Share[]} */ ([]), dotted: /** @type {Set<number>} */ (new Set()),
    only: /** @type {number | null} */ (null), opacity: 0.6, split: 0, unsureBelow: 0,
    cursor: /** @type {Pixel | null} */ (null), pressed: /** @type {number | null} */ (null), dragging: false, turn: 0,
    known: "", // id of the picture that was shown last
  };
  const canvas = make("canvas", { class: "sv-canvas", tabindex: "0", role: "img", "aria-label": "segmented picture" });
  const divider = make("div", { class: "sv-divider" });
  const tip = make("div", { class: "sv-tip", hidden: true });
  const empty = make("div", { class: "sv-empty" }, "Choose a picture, and what the model sees appears here.");
  const stage = make("div", { class: "sv-stage" }, canvas, divider, tip, empty);
  const spoken = make("div", { class: "sv-spoken", "aria-live": "polite" });

  const opacity = slider("Overlay", 60, (value) => { view.opacity = value / 100; draw(); });
  const split = slider("Before | after", 0, (value) => { view.split = value / 100; draw(); });
  const unsure = slider("Unsure below", 0, (value) => { view.unsureBelow = value; recount(); }, { show: (value) => `${value} %` });
  const downloads = make("span", { class: "sv-downloads" },
    button("↓ Mask", downloadMask, { title: "Class numbers as a PNG, one gray value a class" }),
    button("↓ Overlay", downloadOverlay, { title: "The picture as you see it, with its legend" }),
    button("↓ Shares", downloadShares, { title: "Share of every class as JSON" }));
  const bar = make("div", { class: "sv-bar" }, opacity.element, split.element, unsure.element, downloads);
  const legend = makeLegend((only) => { view.only = only; repaint(); });
  const note = make("span", { class: "sv-note" });
  const hint = make("span", { class: "sv-note" }, "Click a pixel to see what it attends to; drag to compare with the picture.");
  const frame = make("div", { class: "sv-viewer", "data-state": "empty" },
    bar, make("div", { class: "sv-columns" }, stage, legend.element), make("div", { class: "sv-notes" }, note, hint), spoken);
  root.replaceChildren(frame);

  canvas.addEventListener("pointermove", onMove);
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("pointerdown", (event) => { [view.pressed, view.dragging] = [event.clientX, false]; });
  canvas.addEventListener("pointerup", () => { view.pressed = null; });
  canvas.addEventListener("pointercancel", () => { view.pressed = null; });
  canvas.addEventListener("click", (event) => {
    const pixel = pixelAt(canvas, event);
    if (pixel && !view.dragging) explain(pixel);
  });
  canvas.addEventListener("keydown", onKey);
  followTabs();
  addEventListener("popstate", () => {
    const fields = served(), { picture, model } = view.result?.link ?? {};
    if (fields.picture && (fields.picture !== picture || fields.model !== model)) select(fields);
  });

  /** @param {PointerEvent} event */
  function onMove(event) {
    if (view.pressed !== null && event.buttons && Math.abs(event.clientX - view.pressed) > DRAGGED) {
      if (!view.dragging) canvas.setPointerCapture(event.pointerId);
      view.dragging = true;
    }
    if (view.pressed === null || !view.dragging) {
      point(pixelAt(canvas, event));
      return;
    }
    const { left, width } = canvas.getBoundingClientRect();
    view.split = Math.min(1, Math.max(0, (event.clientX - left) / width));
    split.set(100 * view.split);
    point(null);
    draw();
  }

  /** Open the attention of a pixel. @param {Pixel} pixel */
  function explain({ x, y }) {
    if (!view.result) return;
    openTab("attention");
    pointAttention({ x: (x + 0.5) / canvas.width, y: (y + 0.5) / canvas.height, picture: view.result.link.picture });
  }

  /** @param {Result | null} result */
  async function show(result) {
    const turn = ++view.turn;
    if (!result) {
      Object.assign(view, { result: null, image: null, known: view.known && "none" });
      frame.dataset.state = "empty";
      legend.clear();
      note.textContent = "";
      writeAddress({ picture: "" });
      return;
    }
    const [image, labels, scores] = await Promise.all([result.image, result.labels, result.scores].map(decode));
    if (turn !== view.turn) return; // a newer result came while this one was decoded
    Object.assign(view, { result, image, map: { labels: channel(labels), scores: channel(scores) }, only: null, cursor: null });
    view.unsureBelow = result.unsureBelow;
    unsure.set(result.unsureBelow);
    fit(stage, canvas, image);
    canvas.setAttribute("aria-label", `segmented picture, ${image.width} by ${image.height} pixels; arrow keys read it, Enter opens its attention`);
    note.textContent = result.note;
    writeAddress(result.link);
    recount();
    frame.dataset.state = "ready";
    if (view.known && view.known !== result.link.picture) bringIntoView();
    view.known = result.link.picture;
    frame.dataset.turn = String(turn);
  }

  /** Who sent a picture from below sees what became of it. */
  function bringIntoView() {
    const { top, bottom } = stage.getBoundingClientRect();
    if (!stage.offsetParent || (top >= 0 && bottom <= innerHeight)) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    frame.scrollIntoView({ block: top < 0 ? "start" : "nearest", behavior: calm ? "auto" : "smooth" });
  }

  function recount() {
    const { result, map } = view;
    if (!result || !map) return;
    view.shares = sharesOf(map, view.unsureBelow);
    view.dotted = alikeClasses(result.palette, view.shares.map(([index]) => index));
    legend.show(result, view.shares, view.dotted);
    repaint();
  }

  function repaint() {
    if (!view.map || !view.result) return;
    view.overlay = paintLabels(view.map, view.result.palette, view);
    draw();
  }

  function draw() {
    if (!view.image || !view.overlay) return;
    const context = contextOf(canvas);
    const { width, height } = canvas;
    context.globalAlpha = 1;
    context.drawImage(view.image, 0, 0);
    context.globalAlpha = view.opacity;
    context.imageSmoothingEnabled = false;
    const left = Math.round(view.split * width);
    if (left < width) context.drawImage(view.overlay, left, 0, width - left, height, left, 0, width - left, height);
    divider.style.left = `${100 * view.split}%`;
  }

  /** @param {Pixel} pixel */
  function describe({ x, y }) {
    if (!view.result || !view.map) return "";
    const { labels, scores } = view.map, place = y * labels.width + x;
    const name = nameOf(view.result.classes, labels.values[place]), sure = scores?.values[place] ?? 100;
    return sure < view.unsureBelow ? `${UNSURE_NAME}: ${name}? only ${sure} % sure` : `${name}, ${sure} % sure`;
  }

  /** @param {Pixel | null} pixel */
  function point(pixel) {
    tip.hidden = !pixel || !view.result;
    if (!pixel || !view.result) return;
    tip.textContent = describe(pixel);
    const [across, down] = [pixel.x / canvas.width, pixel.y / canvas.height];
    tip.style.left = `${100 * across}%`;
    tip.style.top = `${100 * down}%`;
    tip.dataset.side = across > 0.6 ? "left" : "right";
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const step = STEPS[event.key];
    if (!view.result || !(step || (event.key === "Enter" && view.cursor))) return;
    event.preventDefault();
    if (!step) {
      if (view.cursor) explain(view.cursor);
      return;
    }
    const { width, height } = canvas;
    const stride = event.shiftKey ? 1 : Math.ceil(Math.max(width, height) / 40);
    const from = view.cursor ?? { x: width >> 1, y: height >> 1 };
    /** @param {number} value @param {number} limit */
    const keep = (value, limit) => Math.min(limit - 1, Math.max(0, value));
    view.cursor = { x: keep(from.x + step[0] * stride, width), y: keep(from.y + step[1] * stride, height) };
    point(view.cursor);
    spoken.textContent = describe(view.cursor);
  }

  function downloadMask() {
    if (view.result) download(dataToBlob(view.result.labels), `${view.result.name}_labels.png`);
  }

  async function downloadOverlay() {
    const { result, shares, dotted } = view;
    if (!result) return;
    const rows = shares.map(([index, share]) => ({ index, share, name: nameOf(result.classes, index) }));
    download(await withLegend(canvas, result.palette, rows, dotted), `${result.name}_overlay.png`);
  }

  function downloadShares() {
    const { result, unsureBelow } = view;
    if (!result) return;
    const { classes, note: how, name } = result;
    const rows = result.shares.map(([index, share]) => ({ class: classes[index], index, share }));
    const unsureShare = view.shares.find(([index]) => index < 0)?.[1] ?? 0;
    const text = JSON.stringify({ picture: name, note: how, shares: rows, unsure: { belowPercent: unsureBelow, share: unsureShare } }, null, 2);
    download(new Blob([text], { type: "application/json" }), `${name}_shares.json`);
  }

  return { show };
}
