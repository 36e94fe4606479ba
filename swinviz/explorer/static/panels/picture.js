/** The picture: below the image, the segmentation and the grids; above it, what is attended. */

/**
 * @import {Segmented, Manifest, View} from "../view.js"
 * @import {Numbers} from "../wire_format.js"
 */

import { contextOf, make } from "../dom.js";
import { drawComponents, drawSimilarity } from "../feature_painting.js";
import { markQuery, paintImage, paintLabels, pixelDensity, strokeTwice, timelineBitmap } from "../painting.js";
import { extentOf, shapesOver } from "../shapes.js";

const MIN_HEIGHT = 200, MAX_HEIGHT = 760; // CSS pixels
const NARROW = 720; // CSS pixels of the viewer's width, as in explorer.css

/**
 * Height that lets the picture share one screen with what belongs to it: on a narrow page less than half of it.
 * @param {HTMLElement} root of the viewer
 */
function heightBudget(root) {
  const { innerHeight } = window;
  if (root.clientWidth <= NARROW) return Math.max(MIN_HEIGHT, 0.4 * innerHeight);
  // What the host has above the viewer; in a notebook, far down, the viewer is scrolled to.
  const host = root.getBoundingClientRect().top + window.scrollY;
  const above = host > 0.4 * innerHeight ? 0 : Math.max(0, host);
  const own = [".swv-header", ".swv-strip", ".swv-read"].map((name) => root.querySelector(name)?.clientHeight ?? 0);
  return Math.max(MIN_HEIGHT, Math.min(MAX_HEIGHT, innerHeight - above - own.reduce((sum, each) => sum + each, 44)));
}

/** @param {Manifest} manifest */
export function makePicture(manifest) {
  const base = make("canvas", { class: "swv-base", "aria-hidden": "true" });
  const over = make("canvas", {
    class: "swv-over", tabindex: "0", role: "application", "aria-roledescription": "attention map",
    "aria-label": "Image. Arrow keys move the query, space locks it, question mark shows all keys.",
  });
  const animation = make("canvas", { class: "swv-animation", "aria-hidden": "true", hidden: true });
  const element = make("div", { class: "swv-picture" }, base, over, animation);
  const image = paintImage(manifest);
  /** @type {WeakMap<Numbers, ReturnType<typeof paintLabels>>} */
  const painted = new WeakMap();
  let scale = 1; // device pixels an input pixel
  let budget = 0, fitted = ""; // height that the picture may have; for which window that is

  /** @param {Segmented | null} segmented */
  function bitmapsOf(segmented) {
    if (!segmented) return null;
    const { labels } = segmented;
    if (!painted.has(labels)) painted.set(labels, paintLabels(manifest, labels));
    return painted.get(labels) ?? null;
  }

  /** Fit both canvases to the column. @param {View} view */
  function fit(view) {
    const [height, width] = extentOf(view);
    const root = /** @type {HTMLElement} */ (element.closest(".swinviz-explorer"));
    const density = pixelDensity(), around = `${window.innerHeight}, ${root.clientWidth}`;
    if (fitted !== around) { // and not when a line below it wraps
      [budget, fitted] = [heightBudget(root), around];
      root.style.setProperty("--swv-widest", `${Math.round((budget * width) / height)}px`);
    }
    const room = Math.max(120, element.parentElement?.clientWidth ?? 0);
    scale = (Math.min(room, budget * (width / height)) * density) / width;
    const [w, h] = [width, height].map((side) => Math.round(side * scale));
    for (const canvas of [base, over, animation]) {
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    }
    for (const { style } of [base, over, animation, element]) {
      style.width = `${w / density}px`;
      style.height = `${h / density}px`;
    }
  }

  /** @param {View} view */
  function drawBase(view) {
    const { state, geometry } = view;
    const context = contextOf(base);
    const [height, width] = manifest.size.map((side) => Math.round(side * scale));
    const [before, after] = [bitmapsOf(view.before), bitmapsOf(view.after)];
    context.clearRect(0, 0, base.width, base.height);
    if (state.layers.includes("padding")) drawPadding(context, view, scale);
    context.imageSmoothingEnabled = true;
    context.drawImage(image, 0, 0, width, height);
    context.imageSmoothingEnabled = false;
    const { components } = view;
    if (state.layers.includes("components") && components?.arrays) {
      context.save();
      context.beginPath();
      context.rect(0, 0, width, height);
      context.clip();
      drawComponents(context, components.arrays.colors, geometry.stride, scale);
      context.restore();
    }
    const divide = after ? Math.round(width * state.compare) : width;
    if (before) drawLabels(context, view, before, [0, divide], [width, height]);
    if (after) {
      drawLabels(context, view, after, [divide, width], [width, height]);
      drawDivide(context, divide, height);
    }
    if (state.layers.includes("grid")) drawGrid(context, view, scale, 0);
    if (state.layers.includes("shifted")) drawGrid(context, view, scale, Math.floor(geometry.windowSize / 2));
    if (state.layers.includes("borders") && geometry.shiftSize) drawRegionBorders(context, view, scale);
  }

  /** @param {View} view */
  function drawOver(view) {
    const { state, colors, frame, timeline } = view;
    const context = contextOf(over);
    context.clearRect(0, 0, over.width, over.height);
    const { boxes, tokens, target, ring, spread } = shapesOver(view, scale);
    if (frame == null) {
      const outline = new Path2D();
      for (const box of boxes) outline.rect(...box);
      if (!spread) { // everything that cannot be attended steps back
        const veil = new Path2D(outline);
        veil.rect(0, 0, over.width, over.height);
        context.fillStyle = colors.veil;
        context.fill(veil, "evenodd");
      }
      context.globalAlpha = state.heat;
      for (const { box, color } of tokens) {
        context.fillStyle = color;
        context.fillRect(...box);
      }
      context.globalAlpha = 1;
      const { similarity } = view;
      if (state.direction === "like" && similarity && !("error" in similarity)) drawSimilarity(context, similarity, scale, state.heat);
      if (!spread) strokeTwice(context, outline, 2 * pixelDensity());
    } else if (timeline?.arrays) {
      const [height, width] = manifest.size.map((side) => Math.round(side * scale));
      context.globalAlpha = state.heat;
      context.imageSmoothingEnabled = false;
      context.drawImage(timelineBitmap(timeline, frame), 0, 0, width, height);
      context.globalAlpha = 1;
    }
    markQuery(context, { target, ring }, state.locked);
  }

  return {
    element, base, over, image, animation,
    scale: () => scale,
    /** Width on the page, in CSS pixels. */
    width: () => element.style.width,
    /** @param {View} view @param {boolean} redrawBase whether more than the attention changed */
    show(view, redrawBase) {
      if (redrawBase) {
        fit(view);
        drawBase(view);
      }
      drawOver(view);
    },
  };
}

/**
 * @param {CanvasRenderingContext2D} context @param {View} view @param {ReturnType<typeof paintLabels>} bitmaps
 * @param {[from: number, to: number]} columns what to cover @param {[width: number, height: number]} size of the whole
 */
function drawLabels(context, { state }, { colors, outlines }, [from, to], [width, height]) {
  context.save();
  context.beginPath();
  context.rect(from, 0, to - from, height);
  context.clip();
  context.globalAlpha = state.layers.includes("components") ? 0 : state.segmentation; // colors over colors say nothing
  context.drawImage(colors, 0, 0, width, height);
  context.globalAlpha = 1;
  if (state.layers.includes("outlines")) context.drawImage(outlines, 0, 0, width, height);
  context.restore();
}

/** The line between the segmentations before and after the edits, and which is which.
 * @param {CanvasRenderingContext2D} context @param {number} at column @param {number} height */
function drawDivide(context, at, height) {
  const line = new Path2D();
  line.moveTo(at, 0);
  line.lineTo(at, height);
  strokeTwice(context, line, 2);
  const density = pixelDensity();
  context.font = `${12 * density}px system-ui, sans-serif`;
  for (const text of ["before", "after"]) {
    const wide = context.measureText(text).width + 12 * density, left = text === "before" ? at - wide : at;
    context.fillStyle = "rgba(0, 0, 0, 0.6)";
    context.fillRect(left, 0, wide, 20 * density);
    context.fillStyle = "#fff";
    context.fillText(text, left + 6 * density, 14 * density);
  }
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {number} scale */
function drawPadding(context, { geometry, colors }, scale) {
  const { paddedHeight, paddedWidth, stride } = geometry;
  const [height, width] = [paddedHeight, paddedWidth].map((side) => side * stride * scale);
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  context.fillStyle = colors.panel;
  context.fillRect(0, 0, width, height);
  context.strokeStyle = colors.line;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -height; at < width; at += 8) { context.moveTo(at, height); context.lineTo(at + height, 0); }
  context.stroke();
  context.restore();
}

/** Straight lines across the padded map before the given rows and columns of tokens.
 * @param {View} view @param {number} scale @param {number[]} rows @param {number[]} columns */
function linesAcross({ geometry }, scale, rows, columns) {
  const unit = geometry.stride * scale;
  const path = new Path2D();
  for (const row of rows) { path.moveTo(0, row * unit); path.lineTo(geometry.paddedWidth * unit, row * unit); }
  for (const column of columns) { path.moveTo(column * unit, 0); path.lineTo(column * unit, geometry.paddedHeight * unit); }
  return path;
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {number} scale @param {number} shift in tokens */
function drawGrid(context, view, scale, shift) {
  const { windowSize, paddedHeight, paddedWidth } = view.geometry;
  /** @param {number} length */
  const starts = (length) => Array.from({ length: Math.floor((length - shift) / windowSize) + 1 }, (_, index) => shift + index * windowSize);
  const path = linesAcross(view, scale, starts(paddedHeight), starts(paddedWidth));
  context.lineWidth = 1;
  context.setLineDash(shift ? [5, 4] : []);
  context.strokeStyle = "rgba(0, 0, 0, 0.5)";
  context.translate(1, 1);
  context.stroke(path);
  context.translate(-1, -1);
  context.strokeStyle = "rgba(255, 255, 255, 0.75)";
  context.stroke(path);
  context.setLineDash([]);
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {number} scale */
function drawRegionBorders(context, view, scale) {
  const { windowSize, shiftSize, paddedHeight, paddedWidth } = view.geometry;
  /** @param {number} length */
  const starts = (length) => [shiftSize, length - windowSize + shiftSize];
  strokeTwice(context, linesAcross(view, scale, starts(paddedHeight), starts(paddedWidth)), 2, [2, 5]);
}
