/** From state and answers to what is shown: pure, so that every panel draws the same moment. */

/**
 * @import {Geometry, GeometryFields} from "./geometry.js"
 * @import {Block} from "./rows.js"
 * @import {Part} from "./decompose.js"
 * @import {Rgb} from "./colors.js"
 * @import {Answer, Request} from "./answers.js"
 * @import {Message, Numbers, StoredArray} from "./wire_format.js"
 * @import {Job} from "./jobs.js"
 * @import {SecondPicture} from "./second.js"
 * @import {State} from "./state.js"
 * @import {Colors} from "./theme.js"
 *
 * @typedef {[stage: number, block: number]} BlockKey
 * @typedef {{edits: string[], no_patterns: BlockKey[], no_content: BlockKey[], no_features: BlockKey[], components: boolean,
 *   lens: boolean, timeline_every: number}} Offline
 *   contents of a file with no Python behind it
 * @typedef {{stage: number, block: number, heads: number, geometry: Geometry, unshifted: Geometry}} BlockInfo
 * @typedef {{title: string, picture: string, size: number[], classes: string[], palette: Rgb[], offline: Offline | null,
 *   pool_scales: number[], analyses: string[], explanations: string[], blocks: BlockInfo[], image: Numbers}} Manifest `analyses`: requests
 *   that not every host can answer, and this one can
 *
 * @typedef {{labels: Numbers, confidence: StoredArray, flipped: number}} Segmented
 * @typedef {{window: number, query: number, divergence: Record<"content" | "position" | "mask", number[]>,
 *   parts: Record<Part, ArrayLike<number>>}} Decomposition of the query at a position of a window
 * @typedef {{class_index: number, logit: number, confidence: number, levels: number[], constant: number, backbone: number,
 *   pooling: [scale: number, share: number][], bottleneck_constant: number, y: number, x: number}} Decision shares of the
 *   logit of a pixel's class
 * @typedef {{pointer: number[] | null, resting: boolean, frame: number | null, second: SecondPicture | null,
 *   colors: Colors}} Moment what no permalink holds: the pixel under the mouse; whether it has not moved for a while;
 *   the block that the animation shows; the second picture; the theme
 * @typedef {ReturnType<typeof viewOf>} View
 */

import { decompose } from "./decompose.js";
import { locate, makeGeometry, tokenWeights } from "./geometry.js";
import { attentionOf, peakOf } from "./rows.js";
import { similarityOf } from "./similarity.js";

/** @param {Message} message @returns {Manifest} */
export function readManifest({ header, arrays }) {
  /** @param {{geometry: GeometryFields}} each */
  const read = ({ geometry, ...each }) => ({
    ...each, geometry: makeGeometry(geometry), unshifted: makeGeometry({ ...geometry, shift_size: 0 }),
  });
  return { ...header, analyses: header.analyses ?? [], explanations: header.explanations ?? [], blocks: header.blocks.map(read), image: arrays.image.data };
}

/** The edits under which attention is shown: in an offline file none. @param {Manifest} manifest @param {State} state */
const attentionEdits = ({ offline }, { edits }) => (offline ? [] : edits);

/** @param {string[]} edits @returns {{edits?: string}} */
const asArgument = (edits) => (edits.length ? { edits: edits.join(".") } : {});

/** Why the chosen attention cannot be decomposed, or null. @param {Manifest} manifest @param {State} state */
function notDecomposed(manifest, state) {
  if (attentionEdits(manifest, state).length) return "Known for the unedited model only.";
  if (state.region || state.direction === "key") return "Known for a single query only, not for a region or a key.";
  return null;
}

/**
 * The pixel whose timeline is shown: the query, or in an offline file the nearest one that is kept.
 * @param {Manifest} manifest @param {State} state
 */
function timelinePixel({ offline, size }, { y, x }) {
  const every = offline?.timeline_every;
  if (!every) return [y, x].map((at) => 4 * Math.floor(at / 4)); // the finest tokens are 4 px wide
  return [y, x].map((at, axis) => Math.min(size[axis] - 1, every * Math.floor(at / every) + Math.floor(every / 2)));
}

/**
 * What must be known to show a state, by slot. Python is asked for what takes long when the pointer rests; what a
 * file holds is at hand at once.
 * @param {Manifest} manifest @param {State} state @param {Pick<Moment, "resting" | "second">} moment
 * @returns {Record<string, Request>}
 */
export function requestsOf(manifest, state, { resting, second }) {
  const { stage, block, y, x, timeline: kind, view } = state;
  const { offline } = manifest;
  const edits = asArgument(attentionEdits(manifest, state));
  /** @type {Record<string, Request>} */
  const requests = { before: ["segmentation", {}], block: ["block", { stage, block, ...edits }] };
  if (state.edits.length) requests.after = ["segmentation", asArgument(state.edits)];
  if (view === "parts" && !notDecomposed(manifest, state)) {
    if (offline) requests.content = ["content", { stage, block }];
    else if (resting) requests.decomposition = ["decomposition", { stage, block, y, x }];
  }
  const there = second?.key ? { second: second.key } : null;
  if (manifest.analyses.includes("features") && (state.direction === "like" || view === "alike")) {
    requests.features = ["features", { stage, block, ...edits }];
    if (there && view === "alike") requests.elsewhere = ["features", { stage, block, ...there, ...edits }];
  }
  if (view === "lens" && manifest.analyses.includes("lens")) requests.lens = ["lens", {}];
  if (state.layers.includes("components")) requests.components = ["components", { stage, block, ...there, ...edits }];
  if (offline ? offline.timeline_every : resting) {
    const [row, column] = timelinePixel(manifest, state);
    requests.timeline = ["timeline", { kind, y: row, x: column, ...edits }];
    if (view === "model") {
      requests.rollout = ["timeline", { kind: "rollout", y: row, x: column, ...edits }];
      requests.decision = ["decision", offline ? { y: row, x: column } : { y, x, ...edits }];
    }
  }
  return requests;
}

/** @param {Answer | null | undefined} answer @returns {Segmented | null} */
const segmentedOf = (answer) => (answer?.arrays
  ? { flipped: answer.header.flipped ?? 0, labels: answer.arrays.labels.data, confidence: answer.arrays.confidence } : null);

/** @param {Answer | null | undefined} answer @returns {Block | null} */
function blockOf(answer) {
  if (!answer?.arrays) return null;
  const { levels, peaks, bias, entropy, distance } = answer.arrays;
  return { levels, peaks, bias, entropy, distance, heads: levels.shape[1], geometry: makeGeometry(answer.header.geometry) };
}

/**
 * The query's decomposition: Python's, or what the file's content patterns give.
 * @param {Record<string, Answer | null>} answers @param {Block | null} block @param {State} state
 * @returns {Decomposition | {error: string} | null} null while it is awaited
 */
function decompositionOf({ decomposition, content }, block, { y, x }) {
  const error = decomposition?.error ?? content?.error;
  if (error) return { error };
  if (decomposition?.arrays) {
    const { header: { window, query, divergence }, arrays } = decomposition;
    const parts = { content: arrays.content.data, position: arrays.position.data, unmasked: arrays.unmasked.data };
    return { window, query, divergence, parts };
  }
  const at = block && locate(block.geometry, y, x);
  if (!content?.arrays || !at) return null;
  const { header: { span, divergence }, arrays: { levels } } = content;
  const parts = decompose(levels, span, block.bias.data, block.geometry.windowSize, at);
  return { window: at.window, query: at.position, divergence, parts };
}

/**
 * Everything that is drawn.
 * @param {Manifest} manifest
 * @param {State} state possible, as clampState makes it
 * @param {Record<string, Answer | null>} answers to requestsOf(); "timeline", "rollout" and "decision" may be older
 *   ones, which stay meanwhile
 * @param {Moment} moment
 * @param {{patching?: Job | null, trust?: Job | null}} jobs
 */
export function viewOf(manifest, state, answers, moment, jobs = {}) {
  const chosen = manifest.blocks.find(({ stage, block }) => stage === state.stage && block === state.block) ?? manifest.blocks[0];
  const edits = attentionEdits(manifest, state);
  const unshifted = edits.includes("no_shift");
  /** A block's geometry as the edits leave it. @param {BlockInfo} block */
  const geometryOf = (block) => (unshifted ? block.unshifted : block.geometry);
  const geometry = geometryOf(chosen), block = blockOf(answers.block);
  const [top, left, bottom, right] = state.region ?? [state.y, state.x, state.y + 1, state.x + 1];
  const weights = tokenWeights(geometry, { top, left, bottom, right }, manifest.size);
  const shares = block && attentionOf(block, weights, state.head, state.direction);
  const [before, after] = [answers.before, answers.after].map(segmentedOf);
  const unknown = notDecomposed(manifest, state);
  return {
    manifest, state, ...moment, chosen, geometry, geometryOf, edited: edits.length > 0,
    weights, block, shares, peak: peakOf(shares),
    before, after, segmented: manifest.offline ? before : after ?? before, // that goes with the attention shown
    error: answers.block?.error ?? answers.before?.error ?? answers.after?.error ?? null,
    decomposition: unknown ? { error: unknown } : decompositionOf(answers, block, state),
    similarity: similarityOf(answers.features, answers.features, weights),
    elsewhere: similarityOf(answers.features, answers.elsewhere, weights), components: answers.components ?? null,
    lens: answers.lens ?? null, patching: jobs.patching ?? null, trust: jobs.trust ?? null,
    timeline: answers.timeline ?? null, rollout: answers.rollout ?? null, decision: answers.decision ?? null,
    timelinePixel: manifest.offline?.timeline_every ? timelinePixel(manifest, state) : [state.y, state.x],
  };
}
