/** Labels that do not flicker: a pixel changes its class when the frames against it outweigh those for it. */

/** @import {LabelMap} from "./labels.js" */

const MEMORY = 2; // frames, at full confidence, that a class can hold a pixel against another

/** Each pixel holds a class and how much speaks for it: a majority vote over time, weighted by confidence. */
export function makeSmoother() {
  let held = new Uint8Array(0), weight = new Float32Array(0), width = 0;

  /**
   * Labels of a frame, after those before it.
   * @param {LabelMap} map left as it is
   * @returns {LabelMap}
   */
  function smooth({ labels, scores }) {
    const { values } = labels;
    if (held.length !== values.length || width !== labels.width) {
      held = values.slice();
      weight = new Float32Array(values.length);
      width = labels.width;
    }
    for (let place = 0; place < values.length; place++) {
      const sure = scores ? scores.values[place] / 100 : 1;
      if (values[place] === held[place]) weight[place] = Math.min(MEMORY, weight[place] + sure);
      else if (weight[place] > sure) weight[place] -= sure;
      else {
        weight[place] = sure - weight[place];
        held[place] = values[place];
      }
    }
    return { labels: { ...labels, values: held.slice() }, scores };
  }

  return { smooth, reset: () => { held = new Uint8Array(0); } };
}
