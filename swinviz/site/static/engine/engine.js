/** Answers the viewer's requests from the exported graph; mirrors swinviz/explorer/requests.py. No page, no network. */

/**
 * @import {Geometry} from "../../../explorer/static/geometry.js"
 * @import {Message, StoredArray} from "../../../explorer/static/wire_format.js"
 * @import {Arguments} from "../../../explorer/static/transports.js"
 * @import {BlockPlan} from "./controls.js"
 * @import {Picture} from "./prepare.js"
 * @import {Cut} from "./walks.js"
 * @typedef {Record<string, {data: any, dims: readonly number[]}>} Outputs
 * @typedef {(feeds: Record<string, {data: any, dims: number[]}>, outputs: string[]) => Promise<Outputs>} RunGraph
 * @typedef {ReturnType<typeof decider>} Decider
 * @typedef {{classes: string[], palette: number[][], mean: number[], std: number[], scale: number[], strides: number[],
 *   backbone: import("./controls.js").Backbone, head: {pool_scales: number[]}, fusion_eps: number}} Metadata
 * @typedef {Cut & BlockPlan & {pattern: Float32Array, mean?: Float32Array}} RunBlock
 * @typedef {{labels: Uint8Array | Uint16Array, confidence: Float32Array, outputs: Outputs, blocks: RunBlock[],
 *   levels: Float32Array, decider?: Decider}} Run
 */

import { locate, makeGeometry, tokenAt } from "../../../explorer/static/geometry.js";
import { controlsOf, editNames, planBlocks } from "./controls.js";
import { decider } from "./decision.js";
import { argmax, confidenceOf } from "./labels.js";
import { decomposer } from "./parts.js";
import { keepRatioSize, normalize, resize, roundEven } from "./prepare.js";
import { fixedPoint, quantizeRows } from "./quantize.js";
import { meanOverHeads, reachOf, rolloutFrom, tablesOf } from "./walks.js";

const WEIGHTS = ["bottleneck.conv.weight", "bottleneck.conv.bias", "fusion.conv.weight", "fusion.bn.weight", "fusion.bn.bias",
  "fusion.bn.running_mean", "fusion.bn.running_var", "classifier.weight", "classifier.bias"];
const KEPT = 3; // runs remembered, as Python's session does

/** @param {any} data @param {number[]} shape @returns {StoredArray} */
const stored = (data, shape) => ({ data, shape, step: 1 });

/**
 * An engine for one picture.
 * @param {RunGraph} runGraph @param {Metadata} metadata @param {Picture} picture RGB or RGBA
 * @param {{title: string, name: string}} names of the model and the picture
 */
export function makeEngine(runGraph, metadata, picture, { title, name }) {
  const size = keepRatioSize([picture.height, picture.width], metadata.scale);
  const image = resize(picture, size);
  const input = { data: normalize(image, metadata.mean, metadata.std), dims: [1, 3, ...size] };
  const plans = planBlocks(metadata.backbone, metadata.strides, size);
  /** @type {Map<string, Promise<Run>>} */
  const runs = new Map();
  /** @type {Map<string, ReturnType<typeof decomposer>>} */
  const decompositions = new Map();

  const { head: { pool_scales: scales }, strides } = metadata, last = strides.length - 1;
  const decisive = ["head.fusion", "head.bottleneck", ...strides.slice(1).map((_, level) => `head.fpn.${level}`),
    `stages.${last}.out`, ...scales.map((_, index) => `head.ppm.${index}`), ...WEIGHTS.map((name) => `weight:head.${name}`)];

  /** @param {BlockPlan} plan @param {string} point */
  const hook = ({ stage, block }, point) => `stages.${stage}.blocks.${block}.attn.${point}`;

  /** @param {string[]} edits @returns {Promise<Run>} */
  async function compute(edits) {
    /** @type {Record<string, {data: any, dims: number[]}>} */
    const feeds = { image: input };
    const controls = controlsOf(edits, plans);
    for (const [control, data] of Object.entries(controls)) feeds[control] = { data, dims: [data.length] };
    const points = edits.length ? ["pattern"] : ["pattern", "q", "k", "bias"];
    const outputs = await runGraph(feeds, ["logits", ...decisive, ...plans.flatMap((plan) => points.map((point) => hook(plan, point)))]);
    /** @type {Map<string, Cut>} */
    const cuts = new Map();
    const blocks = plans.map((plan) => {
      const fields = edits.includes("no_shift") ? { ...plan.fields, shift_size: 0 } : plan.fields, key = JSON.stringify(fields);
      if (!cuts.has(key)) {
        const geometry = makeGeometry(fields);
        cuts.set(key, { geometry, tables: tablesOf(geometry) });
      }
      return { ...plan, fields, .../** @type {Cut} */ (cuts.get(key)), pattern: outputs[hook(plan, "pattern")].data };
    });
    const { labels, highest } = argmax(outputs.logits.data, metadata.classes.length);
    return { labels, confidence: confidenceOf(outputs.logits.data, highest), outputs, blocks, levels: controls.levels };
  }

  /** The run under some edits, remembered. @param {string[]} edits */
  function runOf(edits) {
    const key = edits.join("."), run = runs.get(key) ?? compute(edits);
    runs.delete(key);
    runs.set(key, run);
    run.catch(() => runs.delete(key));
    if (runs.size > KEPT) for (const old of runs.keys()) if (old) { runs.delete(old); break; } // the unedited one stays
    return run;
  }

  /** @param {Arguments} args */
  function pixelOf({ y, x }) {
    const at = [y, x].map(Number);
    if (!at.every((place, axis) => Number.isInteger(place) && place >= 0 && place < size[axis])) {
      throw new Error(`pixel (y=${y}, x=${x}) is outside the ${size[0]}x${size[1]} image.`);
    }
    return at;
  }

  /** @param {Run} run @param {Arguments} args */
  function blockOf({ blocks }, { stage, block }) {
    const found = blocks.find((each) => each.stage === stage && each.block === block);
    if (!found) throw new Error(`there is no block ${block} in a stage ${stage}: the depths are ${metadata.backbone.depths}.`);
    return found;
  }

  /** @type {Record<string, (args: Arguments) => Promise<Message>>} */
  const handlers = {
    async manifest() {
      return {
        header: {
          kind: "manifest", title, picture: name, pool_scales: metadata.head.pool_scales, size, classes: metadata.classes,
          palette: metadata.palette, offline: null,
          blocks: plans.map(({ stage, block, heads, fields }) => ({ stage, block, heads, geometry: fields })),
        },
        arrays: { image: stored(image.data.slice(), [...size, 3]) },
      };
    },
    async segmentation(args) {
      const edits = editNames(args.edits), run = await runOf(edits);
      /** @type {Record<string, unknown>} */
      const header = { kind: "segmentation" };
      if (edits.length) {
        const { labels } = await runOf([]);
        header.flipped = /** @type {Uint8Array} */ (run.labels).reduce((count, label, at) => count + Number(label !== labels[at]), 0);
      }
      const confidence = { data: Uint8Array.from(run.confidence, (value) => roundEven(Math.fround(255 * value))), shape: size, step: 1 / 255 };
      return { header, arrays: { labels: stored(run.labels.slice(), size), confidence } };
    },
    async block(args) {
      const found = blockOf(await runOf(editNames(args.edits)), args), { geometry, heads, pattern } = found;
      const { numWindows, windowArea: area } = geometry, shape = [numWindows, heads, area, area];
      const unedited = await runOf([]);
      const bias = biasPicture(unedited.outputs[hook(found, "bias")].data, heads, metadata.backbone.window_size);
      const { entropy, distance } = statistics(pattern, geometry, heads);
      return {
        header: { kind: "block", stage: found.stage, block: found.block, geometry: found.fields },
        arrays: {
          ...quantizeRows(pattern, shape), bias,
          entropy: fixedPoint(entropy, shape.slice(0, 3)), distance: fixedPoint(distance, shape.slice(0, 3)),
        },
      };
    },
    async decomposition(args) {
      const run = await runOf([]), found = blockOf(run, args), [y, x] = pixelOf(args), key = hook(found, "");
      if (!decompositions.has(key)) {
        const [q, k, bias] = ["q", "k", "bias"].map((point) => run.outputs[hook(found, point)].data);
        decompositions.set(key, decomposer(q, k, bias, found.geometry, found.tables));
      }
      const parts = /** @type {ReturnType<typeof decomposer>} */ (decompositions.get(key));
      const at = /** @type {import("../../../explorer/static/geometry.js").Location} */ (locate(found.geometry, y, x));
      const shape = [found.heads, found.geometry.windowArea];
      const arrays = Object.fromEntries(Object.entries(parts.partsOf(at.window, at.position)).map(([part, data]) => [part, stored(data, shape)]));
      return { header: { kind: "decomposition", window: at.window, query: at.position, divergence: parts.divergence() }, arrays };
    },
    async decision(args) {
      const run = await runOf(editNames(args.edits)), [y, x] = pixelOf(args), at = y * size[1] + x, label = run.labels[at];
      run.decider ??= decider(run.outputs, { levels: strides.length, scales, epsilon: metadata.fusion_eps, size }, run.levels);
      const logit = run.outputs.logits.data[label * size[0] * size[1] + at];
      return { header: { kind: "decision", y, x, confidence: run.confidence[at], logit, ...run.decider(y, x, label) }, arrays: {} };
    },
    async timeline(args) {
      const edits = editNames(args.edits), [y, x] = pixelOf(args), run = await runOf(edits);
      const { height, width } = run.blocks[0].geometry, maps = new Float32Array(run.blocks.length * height * width);
      /** @type {number[]} */
      let shares, patches = /** @type {number[]} */ ([]);
      if (args.kind === "reach") {
        if (edits.includes("no_mask")) throw new Error("reach is known only with the mask on: tick it on again, or look at the rollout.");
        const reached = reachOf(run.blocks, size, y, x);
        reached.forEach((reach, index) => maps.set(reach.patches, index * height * width));
        shares = reached.map(({ share }) => share);
      } else if (args.kind === "rollout") {
        const blocks = run.blocks.map((block) => {
          block.mean ??= meanOverHeads(block.pattern, block.geometry.numWindows, block.heads, block.geometry.windowArea);
          return { ...block, mean: block.mean };
        });
        const walks = rolloutFrom(blocks, y, x);
        walks.forEach(({ tokens }, index) => maps.set(tokens, index * height * width));
        shares = walks.map(({ lost }) => lost);
        patches = walks.map(({ tokens }) => asWideAs(tokens));
      } else throw new Error(`the viewer asked for a timeline of '${args.kind}': choose reach or rollout.`);
      const { levels, peaks } = quantizeRows(maps.map(Math.sqrt), [run.blocks.length, height * width]);
      return {
        header: { kind: "timeline", of: args.kind, y, x, shares, patches },
        arrays: { levels: { ...levels, shape: [run.blocks.length, height, width] }, peaks },
      };
    },
  };

  return {
    size,
    /** @param {string} name @param {Arguments} args @returns {Promise<Message>} */
    async request(name, args) {
      if (!(name in handlers)) throw new Error("This needs Python: run swinviz on your machine to see it.");
      return handlers[name](args);
    },
  };
}

/** Number of equal shares that would be as spread out as these. @param {Float64Array} shares */
function asWideAs(shares) {
  const total = shares.reduce((sum, share) => sum + share, 0);
  return Math.exp(shares.reduce((sum, share) => (share > 0 ? sum - (share / total) * Math.log(share / total) : sum), 0));
}

/**
 * Entropy in nats, and mean distance to the keys in pixels, of every row.
 * @param {Float32Array} pattern @param {Geometry} geometry @param {number} heads
 */
function statistics(pattern, geometry, heads) {
  const { numWindows, windowArea: area, stride } = geometry, rows = numWindows * heads * area;
  const entropy = new Float32Array(rows), distance = new Float32Array(rows), apart = new Float32Array(area * area);
  for (let window = 0; window < numWindows; window++) {
    const places = Array.from({ length: area }, (_, place) => tokenAt(geometry, window, place));
    for (let a = 0; a < area; a++) for (let b = 0; b < area; b++) {
      apart[a * area + b] = stride * Math.hypot(places[a].row - places[b].row, places[a].column - places[b].column);
    }
    for (let head = 0; head < heads; head++) for (let query = 0; query < area; query++) {
      const row = (window * heads + head) * area + query;
      for (let key = 0; key < area; key++) {
        const share = pattern[row * area + key];
        if (share > 0) entropy[row] -= share * Math.log(share);
        distance[row] += share * apart[query * area + key];
      }
    }
  }
  return { entropy, distance };
}

/**
 * The bias as it lies around a query: [head, M-1+dy, M-1+dx] of a key dy rows below and dx columns right.
 * @param {Float32Array} bias heads x N x N @param {number} heads @param {number} side M
 */
function biasPicture(bias, heads, side) {
  const across = 2 * side - 1, area = side * side, data = new Float32Array(heads * across * across);
  for (let head = 0, at = 0; head < heads; head++) for (let dy = 1 - side; dy < side; dy++) for (let dx = 1 - side; dx < side; dx++, at++) {
    const query = Math.max(0, -dy) * side + Math.max(0, -dx);
    data[at] = bias[(head * area + query) * area + query + dy * side + dx];
  }
  return stored(data, [heads, across, across]);
}
