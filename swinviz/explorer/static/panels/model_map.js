/**
 * The whole network for one pixel, from patch to class: every block with its rollout, every share of the decision.
 *
 * Up on the left the backbone, coarser and coarser; over the top the pooling; down on the right the decoder, whose
 * levels add up to the logit of the pixel's class. All numbers are Python's.
 */

/**
 * @import {Actions} from "../actions.js"
 * @import {Decision, Manifest, View} from "../view.js"
 */

import { COLORS, colorOf, css } from "../colors.js";
import { make, note } from "../dom.js";
import { rich, term } from "../glossary.js";
import { blockName, formatShare, formatSigned } from "../labels.js";
import { makeThumbnail } from "./thumbnail.js";
import { makeWires } from "./wires.js";

const WIDEST = 88, TALLEST = 58; // CSS pixels of the finest token grid; the others are to its scale

/** A share as a bar from the middle: right and warm what speaks for the class, left and cool what speaks against it. */
function makeAmount() {
  const fill = make("i"), number = make("b");
  const element = make("span", { class: "swv-amount" }, number, make("span", { class: "swv-signed" }, fill));
  return {
    element, number,
    /** @param {number} value @param {number} largest */
    show(value, largest) {
      const half = 50 * Math.min(1, Math.abs(value) / largest);
      fill.style.cssText = `left:${value < 0 ? 50 - half : 50}%;width:${half}%;background:${css(colorOf(COLORS.signed, value < 0 ? 0.14 : 0.84))}`;
      number.textContent = formatSigned(value);
    },
  };
}

/** @param {Manifest} manifest @param {Actions} actions @param {HTMLCanvasElement} image */
export function makeModelMap(manifest, actions, image) {
  const { blocks, size, pool_scales: scales } = manifest;
  const stages = [...new Set(blocks.map(({ stage }) => stage))].reverse(); // the coarsest on top
  const unit = Math.min(WIDEST / size[1], TALLEST / size[0]);
  const thumbnails = blocks.map((block) => makeThumbnail(block, unit, image, actions));
  const wires = makeWires();
  /** @type {Record<string, HTMLElement>} */
  const nodes = {};
  /** @param {string} name @param {string} kind @param {...(Node | string)} children */
  const node = (name, kind, ...children) => (nodes[name] = make("div", { class: `swv-node swv-${kind}` }, ...children));

  const levels = Object.fromEntries(stages.map((stage) => [stage, makeAmount()]));
  const pools = scales.map((scale) => ({ scale, amount: makeAmount() }));
  const direct = makeAmount(), pooledConstant = makeAmount(), constant = makeAmount();

  /** @param {number} stage */
  function rowOf(stage) {
    const own = thumbnails.filter(({ block }) => block.stage === stage);
    const { geometry } = own[0].block, last = stage === stages[0];
    const group = make("div", { class: "swv-stack", role: "group", "aria-label": `Stage ${stage}` }, own.map(({ element }) => element));
    return [
      node(`stage${stage}`, "backbone",
        make("span", { class: "swv-note" }, `Stage ${stage} · ${geometry.width} × ${geometry.height}`,
          make("span", { class: "swv-fine" }, " ", term("token", "tokens"), ` of ${geometry.stride} px`)), group),
      last ? node(`side${stage}`, "pool", term("pooling"), make("ul", {},
        make("li", {}, make("span", {}, "itself"), direct.element),
        pools.map(({ scale, amount }) => make("li", {}, make("span", {}, `${scale} × ${scale}`), amount.element)),
        make("li", {}, make("span", {}, "constant"), pooledConstant.element)))
        : node(`side${stage}`, "lateral", term("lateral"), make("small", {}, "1 × 1")),
      node(`level${stage}`, "level", make("span", {}, `Level ${stage}`), levels[stage].element),
    ];
  }

  const picture = make("canvas", { class: "swv-map-picture", width: 2 * Math.round(size[1] * unit), height: 2 * Math.round(size[0] * unit), "aria-hidden": "true" });
  picture.style.width = `${picture.width / 2}px`;
  const answer = make("p", { class: "swv-answer" }), which = make("p", { class: "swv-note" });
  const outcome = make("span", { class: "swv-outcome" }), swatch = make("span", { class: "swv-swatch" });
  const net = make("div", { class: "swv-net" }, wires.element, stages.flatMap(rowOf),
    node("input", "input", picture, make("span", { class: "swv-note" }, "patches of 4 × 4 px become ", term("token", "tokens"))),
    node("constant", "level swv-constant", make("span", {}, "Constant"), constant.element),
    node("class", "class", term("fusion", "fusion and classifier"), outcome));

  /** Lines between the nodes, as thick as what flows along them. @param {Decision | null} decision @param {number} largest */
  function connect(decision, largest) {
    /** @param {number} value */
    const thick = (value) => (decision ? 1 + 7 * Math.abs(value) / largest : 1.5);
    const [top, ...lower] = stages, first = lower.at(-1) ?? top;
    wires.draw(net, [
      { from: nodes.input, to: nodes[`stage${first}`], way: "up" },
      ...lower.map((stage) => ({ from: nodes[`stage${stage}`], to: nodes[`stage${stage + 1}`], way: /** @type {const} */ ("up") })),
      ...stages.map((stage) => ({ from: nodes[`stage${stage}`], to: nodes[`side${stage}`], way: /** @type {const} */ ("right") })),
      ...lower.map((stage) => ({ from: nodes[`side${stage + 1}`], to: nodes[`side${stage}`], way: /** @type {const} */ ("down") })),
      ...stages.map((stage) => ({
        from: nodes[`side${stage}`], to: nodes[`level${stage}`], way: /** @type {const} */ ("right"),
        width: thick(decision?.levels[stage] ?? 0), value: decision?.levels[stage] ?? 0,
      })),
      { from: nodes.constant, to: nodes.class, way: "right", width: thick(decision?.constant ?? 0), value: decision?.constant ?? 0 },
      ...stages.map((stage) => ({
        from: nodes[`level${stage}`], to: nodes.class, way: /** @type {const} */ ("bus"),
        width: thick(decision?.levels[stage] ?? 0), value: decision?.levels[stage] ?? 0,
      })),
    ]);
  }

  /** @param {Decision} decision @param {number} largest */
  function showShares({ levels: shares, constant: rest, backbone, pooling, bottleneck_constant: within }, largest) {
    for (const stage of stages) levels[stage].show(shares[stage], largest);
    constant.show(rest, largest);
    direct.show(backbone, largest);
    pooledConstant.show(within, largest);
    pools.forEach(({ amount }, index) => amount.show(pooling[index][1], largest));
  }

  /** @param {Decision} decision @param {View["state"]} state */
  function answerOf({ class_index: index, logit, confidence, levels: shares, pooling, y, x }, state) {
    const name = manifest.classes[index];
    const which = y === state.y && x === state.x ? "this pixel" : `the nearest pixel that this file holds (y ${y}, x ${x})`;
    const best = shares.indexOf(Math.max(...shares));
    const [scale, most] = pooling.reduce((one, other) => (Math.abs(other[1]) > Math.abs(one[1]) ? other : one));
    return [
      make("span", { class: "swv-swatch", style: `background:${css(manifest.palette[index])}` }), ` How did ${which} become `, make("b", {}, name), "? ",
      ...rich(`Its {logit} is ${logit.toFixed(2)} (${formatShare(confidence)} sure): the sum of what each level adds below. Most, `
        + `${formatSigned(shares[best])}, comes through level ${best}; of the poolings the `
        + `${scale === 1 ? "one over the whole picture" : `${scale} × ${scale} grid`} counts most, ${formatSigned(most)}.`),
    ];
  }

  /** @param {View} view */
  function whichOf({ state, rollout }) {
    if (rollout?.error) return rollout.error;
    const chosen = blocks.findIndex(({ stage, block }) => stage === state.stage && block === state.block);
    const patches = rollout?.header?.patches?.[chosen], lost = rollout?.header?.shares?.[chosen];
    if (patches == null) return "";
    return `After ${blockName(blocks[chosen])}, the token's content is spread over about ${patches < 9.5 ? patches.toFixed(1) : patches.toFixed(0)} `
      + `patches of 4 × 4 px (by rollout); ${formatShare(lost)} went to padding.`;
  }

  /** @param {View} view */
  function drawInput({ state, colors }) {
    const context = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d"));
    context.drawImage(image, 0, 0, picture.width, picture.height);
    const [x, y] = [state.x, state.y].map((at) => 2 * at * unit);
    context.beginPath();
    context.arc(x, y, 9, 0, 2 * Math.PI);
    for (const [color, width] of /** @type {const} */ ([["rgba(0, 0, 0, 0.7)", 6], [colors.query, 3]])) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.stroke();
    }
  }

  return {
    elements: [answer, net, which, note("Pictures of blocks: rollout, with about how many patches the token's content comes from; "
      + "a click chooses the block. Numbers: logits that are added up, exactly.")],
    /** @param {View} view */
    show(view) {
      const decision = view.decision?.arrays ? /** @type {Decision} */ (/** @type {unknown} */ (view.decision.header)) : null;
      net.toggleAttribute("data-waiting", !decision && !view.decision?.error);
      const largest = decision ? Math.max(1e-6, ...[...decision.levels, decision.constant, decision.backbone, decision.bottleneck_constant,
        ...decision.pooling.map(([, share]) => share)].map(Math.abs)) : 1;
      if (decision) {
        showShares(decision, largest);
        answer.replaceChildren(...answerOf(decision, view.state));
        swatch.style.background = css(manifest.palette[decision.class_index]);
        outcome.replaceChildren(swatch, " ", make("b", {}, manifest.classes[decision.class_index]), ` ${decision.logit.toFixed(2)}`);
      } else answer.textContent = view.decision?.error ?? "adding up …";
      which.textContent = whichOf(view);
      drawInput(view);
      thumbnails.forEach((each, index) => each.show(view, view.rollout, index));
      connect(decision, largest);
    },
  };
}

