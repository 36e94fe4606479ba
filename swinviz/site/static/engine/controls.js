/** The viewer's edits as inputs of the graph, and the windows of every block; mirrors interventions/named.py. */

/**
 * @import {GeometryFields} from "../../../explorer/static/geometry.js"
 * @typedef {{depths: number[], num_heads: number[], window_size: number, shifted: boolean}} Backbone
 * @typedef {{stage: number, block: number, heads: number, index: number, firstHead: number, fields: GeometryFields}} BlockPlan
 */

const MASK_VALUE = -100;

/**
 * Every block, in the order in which they run, with the fields of its geometry.
 * @param {Backbone} backbone @param {number[]} strides @param {number[]} size [height, width] of the input
 * @returns {BlockPlan[]}
 */
export function planBlocks(backbone, strides, [height, width]) {
  const plans = [];
  let firstHead = 0;
  const half = backbone.shifted ? Math.floor(backbone.window_size / 2) : 0;
  for (const [stage, depth] of backbone.depths.entries()) {
    const stride = strides[stage], heads = backbone.num_heads[stage];
    for (let block = 0; block < depth; block++) {
      plans.push({
        stage, block, heads, index: plans.length, firstHead,
        fields: {
          height: Math.ceil(height / stride), width: Math.ceil(width / stride), window_size: backbone.window_size,
          shift_size: block % 2 ? half : 0, stride,
        },
      });
      firstHead += heads;
    }
  }
  return plans;
}

/** Names of edits, sorted. @param {unknown} text joined by dots */
export const editNames = (text) => [...new Set(String(text ?? "").split(".").filter(Boolean))].sort();

/**
 * What the graph is given for some edits.
 * @param {string[]} edits @param {BlockPlan[]} blocks
 */
export function controlsOf(edits, blocks) {
  const heads = blocks.reduce((sum, block) => sum + block.heads, 0);
  const controls = {
    shift: BigInt64Array.from(blocks, ({ fields }) => BigInt(fields.shift_size)),
    mask: new Float32Array(blocks.length).fill(MASK_VALUE),
    padding: new Float32Array(blocks.length),
    bias: new Float32Array(blocks.length).fill(1),
    heads: new Float32Array(heads).fill(1),
    levels: new Float32Array(1 + Math.max(...blocks.map(({ stage }) => stage))).fill(1),
  };
  for (const edit of edits) {
    const off = edit.match(/^off-(\d+)-(\d+)-(\d+)$/);
    if (off) {
      const [stage, block, head] = off.slice(1).map(Number);
      const found = blocks.find((each) => each.stage === stage && each.block === block);
      if (!found || head >= found.heads) throw new Error(`there is no edit '${edit}' in this model.`);
      controls.heads[found.firstHead + head] = 0;
    } else if (/^drop-\d$/.test(edit) && Number(edit.slice(5)) < controls.levels.length) controls.levels[Number(edit.slice(5))] = 0;
    else if (edit === "no_shift") controls.shift.fill(0n);
    else if (edit === "no_mask") controls.mask.fill(0);
    else if (edit === "mask_padding_keys") controls.padding.fill(MASK_VALUE);
    else if (edit === "no_bias") controls.bias.fill(0);
    else throw new Error(`there is no edit '${edit}' in this model.`);
  }
  if (edits.includes("no_mask")) controls.padding.fill(0); // it takes the whole mask away, padding's too
  return controls;
}
