/** What the tour says and shows, step by step, on the visitor's own picture and pixel. */

/**
 * @import {Animation} from "./animations.js"
 * @import {State} from "./state.js"
 * @import {View} from "./view.js"
 * @typedef {object} Step
 * @property {string} title
 * @property {string} target selector of the real control
 * @property {(view: View, home: State) => Partial<State>} state what is set, from the state that the tour began in
 * @property {(view: View) => string} text a sentence or two, with {terms} as glossary.js has them
 * @property {Animation} [animation]
 */

import { cutTokens, mask, merge, roll } from "./animations.js";
import { aboutTokens, formatShare } from "./labels.js";
import { classShares, statisticOf } from "./rows.js";

const PLAIN = { head: -1, region: null, direction: /** @type {const} */ ("query"), layers: [], edits: [], locked: true, view: "attention" };

/** The first block of a stage that shifts its windows, or does not. @param {View} view @param {number} stage @param {boolean} shifted */
function firstBlock({ manifest: { blocks } }, stage, shifted) {
  const own = blocks.filter((each) => each.stage === stage);
  const { block } = own.find(({ geometry }) => Boolean(geometry.shiftSize) === shifted) ?? own[0];
  return { stage, block };
}

/** The class that gets most of the attention. @param {View} view */
function mostAttended({ shares, segmented, geometry, manifest: { size, classes } }) {
  if (!shares || !segmented) return null;
  const { byClass } = classShares(geometry, shares, segmented.labels, size, classes.length);
  const index = byClass.indexOf(Math.max(...byClass));
  return `${formatShare(byClass[index])} of it goes to ${classes[index]}`;
}

/** The head whose attention is on the fewest tokens. @param {View} view */
function narrowestHead({ block, weights }) {
  if (!block) return 0;
  const entropies = Array.from({ length: block.heads }, (_, head) => statisticOf(block, "entropy", weights, head));
  return entropies.indexOf(Math.min(...entropies));
}

/** @type {Step[]} */
export const STEPS = [
  {
    title: "Tokens", target: ".swv-picture", animation: cutTokens,
    state: () => ({ ...PLAIN, stage: 0, block: 0 }),
    text: () => "The model cuts the picture into patches of 4 × 4 pixels, and each becomes a {token}. The ring marks yours.",
  },
  {
    title: "A window", target: ".swv-picture",
    state: (view, home) => ({ ...PLAIN, ...firstBlock(view, home.stage, false), layers: ["grid"] }),
    text: ({ geometry: { windowSize, stride } }) => `Attention stays inside a {window}: here ${windowSize} × ${windowSize} tokens of `
      + `${stride} px, the clear part of the picture. What lies outside, this block cannot see.`,
  },
  {
    title: "What it looks at", target: ".swv-shares",
    state: (view, home) => ({ ...PLAIN, ...firstBlock(view, home.stage, false) }),
    text: (view) => `Your token, the {query}, compares itself with each {key} of its window. The brighter a token, the more attention it `
      + `gets; ${mostAttended(view) ?? "the bars say what it goes to"}.`,
  },
  {
    title: "The shift", target: ".swv-cell[aria-checked=true]", animation: roll,
    state: (view, home) => ({ ...PLAIN, ...firstBlock(view, home.stage, true) }),
    text: ({ geometry: { shiftSize } }) => (shiftSize
      ? `The next block is an {swmsa|SW} block. It rolls the picture by ${shiftSize} tokens before it cuts, so that its windows lie across the old borders.`
      : "In models with larger maps, every second block rolls the picture before it cuts it, so that windows lie across the old borders."),
  },
  {
    title: "The mask", target: ".swv-picture", animation: mask,
    state: (view, home) => ({ ...PLAIN, ...firstBlock(view, home.stage, true) }),
    text: () => "The roll puts opposite edges of the picture side by side. They are no neighbors, so attention across a {border} is masked: "
      + "the gray part is closed to the clear part of its window.",
  },
  {
    title: "Heads", target: ".swv-heads",
    state: (view, home) => ({ ...PLAIN, ...firstBlock(view, home.stage, true), head: narrowestHead(view) }),
    text: (view) => {
      const { block, weights, state, chosen } = view;
      const spread = block && state.head >= 0 ? aboutTokens(statisticOf(block, "entropy", weights, state.head)) : "few tokens";
      return `A block looks in ${chosen.heads} ways at once. Each {head} has its own map; head ${Math.max(0, state.head)}, the narrowest here, is spread over `
        + `about ${spread}.`;
    },
  },
  {
    title: "Growing", target: ".swv-timeline", animation: merge,
    state: (_, home) => ({ ...PLAIN, stage: home.stage, block: home.block, timeline: "rollout" }),
    text: ({ timeline }) => {
      const patches = timeline?.header?.patches?.at(-1);
      return `Between stages, {merging} joins four tokens into one, and windows cover twice as much. ${patches
        ? `In the end your token holds content of about ${Math.round(patches).toLocaleString("en")} patches ({rollout}).` : "See how far {rollout} spreads from block to block."}`;
    },
  },
  {
    title: "What if?", target: ".swv-edits",
    state: (view, home) => ({
      ...PLAIN, stage: home.stage, block: home.block, compare: 0.5,
      edits: !view.manifest.offline || view.manifest.offline.edits.includes("no_shift") ? ["no_shift"] : [],
    }),
    text: ({ before, after }) => (before && after
      ? `Switch a part off and see what it did. Without the shift, ${formatShare(after.flipped / before.labels.length)} of the pixels change their class: `
        + "before on the left, after on the right. Then open Whole model, from patch to class in one picture."
      : "Switch a part off and see what it did to the segmentation. Then open Whole model, from patch to class in one picture."),
  },
];
