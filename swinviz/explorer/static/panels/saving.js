/** Buttons that save what is seen: PNG, SVG, GIF, permalink. */

/**
 * @import {View} from "../view.js"
 * @import {makePicture} from "./picture.js"
 */

import { button, contextOf, download, make } from "../dom.js";
import { similarityBitmap } from "../feature_painting.js";
import { FRAME_MILLISECONDS, GIF_PALETTE, encodeGif, toPalette } from "../gif.js";
import { blockName, captionOf, kindOf } from "../labels.js";
import { timelineBitmap } from "../painting.js";
import { shapesOver } from "../shapes.js";
import { captionLayout, legendOf, lineAt, svgOf } from "../svg.js";

const GIF_SIDE = 480; // pixels along the longer side, at most

/** @typedef {ReturnType<makePicture>} Picture */

/** The picture's name, and what is drawn on it. @param {View} view @param {string} ending */
const fileName = ({ state, manifest: { picture } }, ending) => `${picture.replace(/\.[^.]*$/, "") || "picture"}-${state.direction === "like" ? "similarity" : "attention"}-stage${state.stage}-block${state.block}-y${state.y}-x${state.x}.${ending}`;

/** Both canvases as one, with a caption below that says what is seen. @param {View} view @param {Picture} picture */
function composite(view, { base, over }) {
  const { width, height } = base;
  const caption = captionLayout(captionOf(view), width, legendOf(view));
  const canvas = make("canvas", { width, height: Math.ceil(height + caption.height) });
  const context = contextOf(canvas);
  context.fillStyle = view.colors.page;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(base, 0, 0);
  context.drawImage(over, 0, 0);
  context.fillStyle = view.colors.text;
  context.font = `${caption.size}px system-ui, sans-serif`;
  caption.lines.forEach((line, index) => context.fillText(line, ...lineAt(index, height, caption.size), width - caption.size));
  for (const { x, y, text, color } of caption.boxes) {
    context.fillStyle = color;
    context.fillRect(x, height + y, caption.size, caption.size);
    context.fillStyle = view.colors.text;
    context.fillText(text, x + 1.4 * caption.size, height + y + 0.9 * caption.size);
  }
  return canvas;
}

/** @param {View} view @param {Picture} picture */
function savePng(view, picture) {
  composite(view, picture).toBlob((blob) => blob && download(blob, fileName(view, "png")));
}

/** @param {View} view @param {Picture} picture */
function saveSvg(view, { base, scale }) {
  const text = svgOf({
    width: base.width, height: base.height, picture: base.toDataURL("image/png"), shapes: shapesOver(view, scale()),
    map: view.state.direction === "like" && view.similarity && !("error" in view.similarity)
      ? { ...view.similarity, href: similarityBitmap(view.similarity).toDataURL("image/png"), scale: scale() } : null,
    heat: view.state.heat, caption: captionOf(view), legend: legendOf(view), colors: view.colors,
  });
  download(new Blob([text], { type: "image/svg+xml" }), fileName(view, "svg"));
}

/** The timeline as an animated GIF, one frame a block. @param {View} view @param {HTMLCanvasElement} image */
function saveGif(view, image) {
  const { manifest: { size: [tall, wide], blocks }, timeline, state } = view;
  if (!timeline?.arrays) return;
  const shrink = Math.min(1, GIF_SIDE / Math.max(tall, wide));
  const [height, width] = [tall, wide].map((side) => Math.max(1, Math.round(side * shrink)));
  const context = contextOf(make("canvas", { width, height }), { willReadFrequently: true });
  const frames = blocks.map((block, index) => {
    context.globalAlpha = 1;
    context.drawImage(image, 0, 0, width, height);
    context.globalAlpha = state.heat;
    context.imageSmoothingEnabled = false;
    context.drawImage(timelineBitmap(timeline, index), 0, 0, width, height);
    context.globalAlpha = 1;
    context.font = "13px system-ui, sans-serif";
    const text = `${blockName(block)} (${kindOf(block.geometry)})`;
    context.fillStyle = "rgba(0, 0, 0, 0.6)";
    context.fillRect(0, height - 22, context.measureText(text).width + 16, 22);
    context.fillStyle = "#fff";
    context.fillText(text, 8, height - 7);
    return toPalette(context.getImageData(0, 0, width, height).data, width);
  });
  const bytes = encodeGif(width, height, GIF_PALETTE, frames, FRAME_MILLISECONDS / 10);
  download(new Blob([bytes], { type: "image/gif" }), fileName(view, "gif"));
}

/** @param {() => View} view @param {Picture} picture */
export function makeSaving(view, picture) {
  const gif = button("GIF of the blocks", () => saveGif(view(), picture.image));
  return {
    element: make("div", { class: "swv-controls" }, make("span", { class: "swv-note" }, "Save"),
      button("PNG", () => savePng(view(), picture)), button("SVG", () => saveSvg(view(), picture)),
      gif),
    /** @param {View} shown */
    show(shown) { gif.disabled = !shown.timeline?.arrays; },
  };
}
