/** One small picture a block: what the query can see, or is made of, after each; played as an animation. */

/**
 * @import {Actions} from "../actions.js"
 * @import {Answer} from "../answers.js"
 * @import {BlockInfo, Manifest, View} from "../view.js"
 */

import { QUERY_COLOR } from "../colors.js";
import { button, contextOf, follow, make, makeChoices, showIn } from "../dom.js";
import { locate, rectangles } from "../geometry.js";
import { term } from "../glossary.js";
import { TIMELINE_NAMES, blockName, formatShare, kindOf } from "../labels.js";
import { pixelDensity, timelineBitmap } from "../painting.js";
import { toDevice } from "../shapes.js";

const CELL = { width: 60, height: 46 }; // CSS pixels that a block's picture fits into

/** @param {View} view @param {number} frame */
function animationText({ timeline, manifest, state }, frame) {
  const where = `After ${blockName(manifest.blocks[frame])}`;
  const share = timeline?.header?.shares?.[frame];
  if (share == null) return `${where} …`;
  if (state.timeline === "reach") return `${where}, ${formatShare(share)} of the picture can influence the query's token.`;
  return `${where}, ${formatShare(1 - share)} of the query's token comes from the picture, ${formatShare(share)} went to padding.`;
}

/** @param {View} view */
function timelineText(view) {
  if (view.frame != null) return animationText(view, view.frame);
  return view.timeline?.error ?? `${TIMELINE_NAMES[view.state.timeline][1]}${view.state.region ? ", of the region's middle" : ""}`;
}

/** @param {Actions} actions @param {BlockInfo} block */
function makeCell(actions, block) {
  const kind = kindOf(block.geometry);
  const canvas = make("canvas", { "aria-hidden": "true" });
  const label = make("span", {}, String(block.block), make("small", {}, kind));
  const element = make("button", {
    type: "button", role: "radio", class: "swv-cell", "aria-label": `${blockName(block)}, ${kind}-MSA`,
    onclick: () => actions.chooseBlock(block),
  }, canvas, label);
  return { block, element, canvas };
}

/** @param {BlockInfo[]} blocks @param {HTMLElement[]} cells */
function groupByStage(blocks, cells) {
  /** @type {Map<number, {geometry: BlockInfo["geometry"], children: HTMLElement[]}>} */
  const stages = new Map();
  blocks.forEach(({ stage, geometry }, index) => {
    if (!stages.has(stage)) stages.set(stage, { geometry, children: [] });
    stages.get(stage)?.children.push(cells[index]);
  });
  return [...stages].map(([stage, { geometry, children }]) => make("div", { class: "swv-stage-box" },
    make("span", { class: "swv-note" }, `Stage ${stage} · ${geometry.width} × ${geometry.height}`),
    make("div", { class: "swv-stage" }, children)));
}

/** Cells' pictures without outlines: the image stepped back, the timeline's map on it. @param {HTMLCanvasElement} image */
function makeBackgrounds(image) {
  const blank = {}; // stands for the timeline that has not come yet
  /** @type {WeakMap<object, {canvas: HTMLCanvasElement, veil: string}[]>} */
  const kept = new WeakMap();
  /** @param {Answer | null} timeline @param {number} index @param {string} veil @param {[width: number, height: number]} size */
  return (timeline, index, veil, [width, height]) => {
    const known = timeline?.arrays ? timeline : null;
    const all = kept.get(known ?? blank) ?? [], at = known ? index : 0;
    kept.set(known ?? blank, all);
    const last = all[at];
    if (last?.canvas.width === width && last.canvas.height === height && last.veil === veil) return last.canvas;
    const canvas = make("canvas", { width, height });
    const context = contextOf(canvas);
    context.drawImage(image, 0, 0, width, height);
    context.fillStyle = veil;
    context.fillRect(0, 0, width, height);
    if (known) context.drawImage(timelineBitmap(known, index), 0, 0, width, height);
    all[at] = { canvas, veil };
    return canvas;
  };
}

/** @param {Manifest} manifest @param {Actions} actions @param {HTMLCanvasElement} image */
export function makeTimeline(manifest, actions, image) {
  const cells = manifest.blocks.map((block) => makeCell(actions, block));
  const group = make("div", { class: "swv-timeline", role: "radiogroup", "aria-label": "Blocks" },
    groupByStage(manifest.blocks, cells.map(({ element }) => element)));
  const name = term("rollout"), text = make("span");
  const legend = make("p", { class: "swv-note swv-timeline-text" }, term("wmsa", "W"), " and ", term("swmsa", "SW"), " blocks. The small pictures: ",
    name, ", ", text);
  const play = button("", () => actions.play(), { title: "Show one block after the other (M)", class: "swv-button swv-play" });
  const kinds = makeChoices(TIMELINE_NAMES, (timeline) => actions.chooseTimeline(timeline));
  const backgroundOf = makeBackgrounds(image);

  /** A block's picture, and around the query's place in it the block's window. @param {View} view @param {number} index */
  function drawCell(view, index) {
    const { block, canvas } = cells[index];
    const density = pixelDensity();
    const [height, width] = manifest.size, [y, x] = view.timelinePixel;
    const scale = Math.min(CELL.width / width, CELL.height / height) * density;
    const [wide, tall] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    if (canvas.width !== wide || canvas.height !== tall) {
      [canvas.width, canvas.height] = [wide, tall];
      canvas.style.width = `${wide / density}px`;
    }
    const context = contextOf(canvas);
    context.drawImage(backgroundOf(view.timeline, index, view.colors.veil, [wide, tall]), 0, 0);
    const outline = new Path2D(), geometry = view.geometryOf(block);
    for (const { top, left, bottom, right } of rectangles(geometry, locate(geometry, y, x)?.window ?? 0)) {
      outline.rect(...toDevice(scale, top, left, bottom, right));
    }
    context.strokeStyle = "#fff";
    context.lineWidth = density;
    context.stroke(outline);
    context.fillStyle = QUERY_COLOR;
    context.fillRect(Math.round(x * scale) - density, Math.round(y * scale) - density, 3 * density, 3 * density);
  }

  return {
    elements: [make("div", { class: "swv-film" }, play, make("span", { class: "swv-group" }, kinds.elements)), group, legend],
    group,
    /** @param {View} view */
    show(view) {
      const { frame } = view;
      cells.forEach(({ block, element }, index) => {
        const checked = block === view.chosen;
        element.setAttribute("aria-checked", String(checked));
        element.tabIndex = checked ? 0 : -1;
        element.classList.toggle("swv-playing", index === frame);
        drawCell(view, index);
      });
      if (frame == null) follow(group, cells[manifest.blocks.indexOf(view.chosen)].element);
      else showIn(group, cells[frame].element);
      play.disabled = !view.timeline?.arrays;
      play.textContent = frame == null ? "▶ Play" : "■ Stop";
      kinds.show(view.state.timeline);
      [name.dataset.term, name.textContent] = [view.state.timeline, view.state.timeline];
      text.textContent = timelineText(view);
    },
  };
}
