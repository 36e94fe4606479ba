/** What a viewer shows, as one plain object, and the permalink that holds it. */

/**
 * @import {Manifest} from "./view.js"
 * @typedef {"rollout" | "reach"} TimelineKind
 * @typedef {"grid" | "shifted" | "borders" | "padding" | "outlines" | "components"} Layer
 * @typedef {ReturnType<typeof initialState>} State
 */

import { DONOR_NAMES, EDIT_NAMES } from "./labels.js";

/** @type {Layer[]} */
export const LAYERS = ["grid", "shifted", "borders", "padding", "outlines", "components"];

/** Head -1 is the mean of all heads; `region` is [top, left, bottom, right] in pixels. */
export function initialState() {
  return {
    stage: 0, block: 0, head: -1, y: 0, x: 0, locked: false,
    region: /** @type {number[] | null} */ (null),
    direction: /** @type {import("./rows.js").Direction} */ ("query"),
    segmentation: 0.25, heat: 0.8,
    layers: /** @type {Layer[]} */ ([]),
    timeline: /** @type {TimelineKind} */ ("rollout"),
    edits: /** @type {string[]} */ ([]),
    compare: 0.5,
    donor: /** @type {import("./labels.js").Donor} */ ("gray"), // where patching takes from
    view: "attention", // the panel beside the picture that is open; page.js lists them
  };
}

// Always in a permalink: a viewer that is told no place chooses one itself.
const PLACE = ["stage", "block", "y", "x"];

/**
 * State as a string: the place, and the fields that differ from the initial state.
 * @param {State} state
 */
export function formatState(state) {
  /** @param {unknown} value */
  const text = (value) => (Array.isArray(value) ? value.join(".") : String(value));
  const [initial, fields] = [initialState(), state].map((each) => Object.entries(each).map(([key, value]) => [key, text(value)]));
  const defaults = Object.fromEntries(initial);
  const pairs = fields.filter(([key, value]) => key in defaults && (PLACE.includes(key) || value !== defaults[key]));
  return pairs.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
}

/**
 * A field's value from its text in a permalink, or what it is initially where that makes no sense.
 * @param {string} key @param {string} text @param {unknown} initial
 */
function parseField(key, text, initial) {
  if (key === "region") {
    const box = text.split(".").map(Number);
    return box.length === 4 && box.every(Number.isFinite) ? box : initial;
  }
  if (Array.isArray(initial)) return text.split(".").filter(Boolean);
  if (typeof initial === "boolean") return text === "true";
  if (typeof initial === "number") return text !== "" && Number.isFinite(Number(text)) ? Number(text) : initial;
  return text;
}

/**
 * State from a string; what is missing or not understood stays as it is initially.
 * @param {string | null} text @returns {State}
 */
export function parseState(text) {
  /** @type {Record<string, any>} */
  const fields = initialState();
  for (const [key, value] of new URLSearchParams(text ?? "")) {
    if (Object.hasOwn(fields, key)) fields[key] = parseField(key, value, fields[key]);
  }
  const state = /** @type {State} */ (fields);
  state.layers = state.layers.filter((layer) => LAYERS.includes(layer));
  return state;
}

/**
 * State that a viewer begins with: the middle of the picture, deep in the model, unless the permalink says otherwise.
 * @param {string} text @param {Manifest} manifest
 */
export function firstState(text, manifest) {
  const { size, blocks } = manifest;
  const state = parseState(text);
  const given = new URLSearchParams(text);
  if (!given.has("y") && !given.has("x")) [state.y, state.x] = size.map((side) => Math.floor(side / 2));
  if (!given.has("stage") && !given.has("block")) {
    const stage = Math.max(0, blocks[blocks.length - 1].stage - 1);
    const { block } = blocks.filter((each) => each.stage === stage).at(-1) ?? blocks[0];
    Object.assign(state, { stage, block });
  }
  return clampState(state, manifest);
}

/**
 * True for a name that stands for an edit of this model: a permalink may hold any.
 * @param {string} name @param {{stage: number, block: number, heads: number}[]} blocks
 */
function isEdit(name, blocks) {
  const silenced = /^off-(\d+)-(\d+)-(\d+)$/.exec(name)?.slice(1).map(Number);
  if (!silenced) return Object.hasOwn(EDIT_NAMES, name);
  return blocks.some(({ stage, block, heads }) => stage === silenced[0] && block === silenced[1] && silenced[2] < heads);
}

/**
 * Make a state possible for this picture, model and host: indices in range, the query on the image.
 * @param {State} state changed in place, and returned
 * @param {Pick<Manifest, "size" | "offline" | "analyses"> & {blocks: {stage: number, block: number, heads: number}[]}} manifest
 */
export function clampState(state, { size: [height, width], blocks, offline, analyses }) {
  /** @param {number} value @param {number} low @param {number} high */
  const within = (value, low, high) => Math.max(low, Math.min(high, Math.round(value)));
  const chosen = blocks.find(({ stage, block }) => stage === state.stage && block === state.block) ?? blocks[0];
  state.stage = chosen.stage;
  state.block = chosen.block;
  state.head = within(state.head, -1, chosen.heads - 1);
  state.y = within(state.y, 0, height - 1);
  state.x = within(state.x, 0, width - 1);
  for (const name of /** @type {const} */ (["segmentation", "heat", "compare"])) state[name] = Math.max(0, Math.min(1, state[name]));
  // A file holds edits one at a time; with Python behind it, any of them together.
  state.edits = state.edits.filter((name) => isEdit(name, blocks));
  if (offline) state.edits = state.edits.filter((name) => offline.edits.includes(name)).slice(-1);
  if (state.direction !== "key" && !(state.direction === "like" && analyses.includes("features"))) state.direction = "query";
  if (!analyses.includes("components")) state.layers = state.layers.filter((layer) => layer !== "components");
  if (state.timeline !== "reach") state.timeline = "rollout";
  if (!Object.hasOwn(DONOR_NAMES, state.donor)) state.donor = "gray";
  if (state.region) {
    const [top, left, bottom, right] = state.region;
    const box = [within(top, 0, height), within(left, 0, width), within(bottom, 0, height), within(right, 0, width)];
    state.region = box[2] > box[0] && box[3] > box[1] ? box : null;
    // Its middle stands for it where only one query can be shown.
    if (state.region) [state.y, state.x] = [(box[0] + box[2]) >> 1, (box[1] + box[3]) >> 1];
  }
  return state;
}
