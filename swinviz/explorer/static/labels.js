/** Words and numbers: what things are called on the page. */

/**
 * @import {Geometry} from "./geometry.js"
 * @import {BlockInfo, Offline, View} from "./view.js"
 * @import {Layer, TimelineKind} from "./state.js"
 * @import {Direction} from "./rows.js"
 */

/** A share 0..1 as a person reads it: "38 %", "4.2 %", "< 0.1 %". @param {number} share */
export function formatShare(share) {
  const percent = 100 * share;
  if (percent > 0 && percent < 0.05) return "< 0.1 %";
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/** A signed number of logits: "+3.21", "−0.40". @param {number} value */
export const formatSigned = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** As many tokens as would share the attention evenly. @param {number} entropy in nat */
export function aboutTokens(entropy) {
  const tokens = Math.exp(entropy);
  const text = tokens < 1.95 ? tokens.toFixed(1) : tokens.toFixed(0);
  return `${text} token${text === "1.0" ? "" : "s"}`;
}

/** A divergence in words. @param {number} nats */
export function aboutDivergence(nats) {
  if (nats < 0.02) return "nearly the same";
  if (nats < 0.2) return "close to it";
  return nats < 0.8 ? "rather different" : "very different";
}

/** @param {Geometry} geometry */
export const kindOf = (geometry) => (geometry.shiftSize ? "SW" : "W");
/** @param {{stage: number, block: number}} block */
export const blockName = ({ stage, block }) => `stage ${stage}, block ${block}`;
/** @param {number} head -1 for the mean @param {number} heads how many there are */
export const headName = (head, heads) => (head < 0 ? `mean of ${heads} heads` : `head ${head}`);

/** @type {Record<Layer, [name: string, meaning: string]>} */
export const LAYER_NAMES = {
  grid: ["Windows", "the regular windows of W-MSA blocks"],
  shifted: ["Shifted windows", "the windows of SW-MSA blocks, moved by half a window"],
  borders: ["Region borders", "where the shift brings together regions that may not attend to each other"],
  padding: ["Padding", "tokens beyond the image that fill up the last windows; they are attended"],
  outlines: ["Outlines", "borders between the predicted classes"],
  components: ["PCA colors", "the first three principal components of the block's tokens as red, green and blue: like colors, like features"],
};

/** @type {Record<TimelineKind, [name: string, meaning: string]>} */
export const TIMELINE_NAMES = {
  rollout: ["Rollout", "where the query's content comes from, after each block"],
  reach: ["Reach", "which pixels can influence the query at all, after each block"],
};

/** @type {Record<string, [name: string, meaning: string]>} */
export const EDIT_NAMES = {
  no_shift: ["no shift", "cut all windows without the shift"],
  no_mask: ["no mask", "let tokens attend across region borders"],
  no_bias: ["no position bias", "attention by content alone"],
  mask_padding_keys: ["padding masked", "forbid attention to padding"],
};

/** @typedef {"gray" | "blurred" | "second"} Donor */

/** Pictures that patching takes from: on the button, and in a sentence. @type {Record<Donor, [name: string, meaning: string]>} */
export const DONOR_NAMES = {
  gray: ["without color", "its copy without color"],
  blurred: ["blurred", "its blurred copy"],
  second: ["second picture", "the second picture, at the size of the first"],
};

/** @param {string} name of an edit: one of the above, or off-STAGE-BLOCK-HEAD */
export const editName = (name) => EDIT_NAMES[name]?.[0] ?? `without head ${name.slice(4).replaceAll("-", "·")}`;

/** @type {Record<Direction, [name: string, meaning: string]>} */
export const DIRECTION_NAMES = {
  query: ["What it looks at", "The keys that this token, as a query, attends to"],
  key: ["Who looks at it", "The queries that attend to this token, as a key"],
  like: ["What looks like it", "The tokens whose vectors after this block point the same way, whatever the window"],
};

export const KEY_NAMES = [
  ["← ↑ → ↓", "move the query by one token (with Shift: by one window)"],
  ["+  −", "widen the query to a region, narrow it again"],
  ["[  ]", "previous, next block"],
  [",  .", "previous, next head (before head 0: the mean of all)"],
  ["Space", "lock or free the query"],
  ["R", "swap what it looks at and who looks at it"],
  ["L", "what looks like it, and back"],
  ["G  H  B  P  O  C", "windows, shifted windows, region borders, padding, outlines, PCA colors"],
  ["M", "play or stop the blocks"],
  ["Esc", "free the query, drop the region"],
  ["?", "this help"],
];

/** Next possible step; that the query is locked is said in words, not only by a thicker frame. @param {View["state"]} state */
export function hintText({ locked, region }) {
  if (region) return "A region is locked: click the picture or press Esc to drop it.";
  if (locked) return "Locked. Click the picture or press Space to free the query.";
  return "Click to lock the query, drag for a region; ? lists the keys.";
}

/** Contents of an offline file, said in the file. @param {BlockInfo[]} blocks @param {Offline} offline */
export function offlineText(blocks, { no_patterns, no_content, no_features, components, lens, timeline_every, edits }) {
  /** @param {string} what @param {[number, number][]} missing */
  const lacking = (what, missing) => {
    if (missing.length === blocks.length) return `${what} of no block`;
    const but = missing.map(([stage, block]) => `${stage}·${block}`).join(", ");
    return missing.length ? `${what} of all blocks but ${but} (stage·block)` : `${what} of all ${blocks.length} blocks`;
  };
  const held = [lacking("the patterns", no_patterns), lacking("their decomposition into content, position and mask", no_content)];
  if (timeline_every) held.push(`rollout, reach and decision of a grid of pixels ${timeline_every} px apart, of which the nearest is shown`);
  held.push(lacking("the token vectors for what looks like it", no_features));
  if (components) held.push("PCA colors");
  if (lens) held.push("the answers after every block");
  if (edits.length) held.push("the segmentation under each edit");
  return `An offline copy. It holds ${held.join("; ")}. All else needs Python: a second picture, patching, trust, edits together, their attention, heads silenced`
    + `${timeline_every ? "" : ", rollout, reach and decision"}.`;
}

/** Value that the brightest color stands for. @param {View} view */
export function scaleText({ frame, timeline, state, shares, peak, similarity }) {
  if (frame == null && state.direction === "like") return similarity && !("error" in similarity) ? "cosine 1" : "…";
  if (frame == null) return shares ? `${formatShare(peak)} a token` : "…";
  if (state.timeline === "reach") return "can influence";
  const { data, step } = timeline?.arrays?.peaks ?? { data: [], step: 0 };
  return `${formatShare((data[frame] * step) ** 2)} a patch (square root)`;
}

/** What a saved picture shows, in parts. @param {View} view */
export function captionOf(view) {
  const { manifest, chosen, state, geometry } = view;
  const like = state.direction === "like";
  const place = state.region ? `region [${state.region.join(", ")}]` : `${like ? "query" : state.direction} y ${state.y}, x ${state.x}`;
  const what = like ? ["looks like: cosine of all heads, mean vector taken off", place] : [headName(state.head, chosen.heads), place];
  if (state.layers.includes("components")) what.push("PCA colors of the block");
  return [...[manifest.picture, manifest.title].filter(Boolean), `${blockName(chosen)} (${kindOf(geometry)}-MSA)`, ...what,
    ...state.edits.map(editName), `brightest ${scaleText(view)}`];
}
