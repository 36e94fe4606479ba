/** Opacities with the legend of the colors, and the layers. */

/**
 * @import {Actions} from "../actions.js"
 * @import {State} from "../state.js"
 * @import {Manifest, View} from "../view.js"
 */

import { COLORS, colorOf, css, opacityOf } from "../colors.js";
import { contextOf, make } from "../dom.js";
import { LAYER_NAMES, scaleText } from "../labels.js";
import { LAYERS } from "../state.js";

function makeScale() {
  const canvas = make("canvas", { class: "swv-scale", width: 256, height: 1, "aria-hidden": "true" });
  const context = contextOf(canvas);
  for (let level = 0; level < 256; level++) { // as over a picture: faint where there is little
    context.fillStyle = css(colorOf(COLORS.attention, level / 255), opacityOf(level / 255));
    context.fillRect(level, 0, 1, 1);
  }
  return canvas;
}

/** @param {Manifest} manifest @param {Actions} actions @param {State} state for where the sliders begin */
export function makeControls({ analyses }, actions, state) {
  const layers = LAYERS.filter((layer) => layer !== "components" || analyses.includes(layer));
  const brightest = make("span");
  /** @param {string} label @param {"segmentation" | "heat"} name */
  const slider = (label, name) => {
    const input = make("input", {
      type: "range", min: 0, max: 1, step: 0.05, value: state[name], "aria-label": `${label} opacity`,
      oninput: () => actions.set({ [name]: Number(input.value) }),
    });
    return make("label", { class: "swv-slider" }, label, input);
  };
  const boxes = layers.map((layer) => make("input", { type: "checkbox", onchange: () => actions.toggleLayer(layer) }));
  return {
    elements: [
      make("div", { class: "swv-controls" }, slider("Segmentation", "segmentation"), slider("Attention", "heat"),
        make("span", { class: "swv-legend" }, "0", makeScale(), brightest)),
      make("div", { class: "swv-controls" }, layers.map((layer, index) =>
        make("label", { title: LAYER_NAMES[layer][1] }, boxes[index], LAYER_NAMES[layer][0]))),
    ],
    /** @param {View} view */
    show(view) {
      brightest.textContent = scaleText(view);
      layers.forEach((layer, index) => { boxes[index].checked = view.state.layers.includes(layer); });
    },
  };
}
