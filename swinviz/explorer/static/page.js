/** The page around the panels: built once, then shown again with every view. */

/**
 * @import {Actions} from "./actions.js"
 * @import {Manifest, View} from "./view.js"
 */

import { make, note } from "./dom.js";
import { blockName, headName, offlineText } from "./labels.js";
import { makeBias } from "./panels/bias.js";
import { makeComparison } from "./panels/comparison.js";
import { makeControls } from "./panels/controls.js";
import { makeDecomposition } from "./panels/decomposition.js";
import { makeEdits } from "./panels/edits.js";
import { makeHeader } from "./panels/header.js";
import { makeHeads } from "./panels/heads.js";
import { makePicture, widestOf } from "./panels/picture.js";
import { makeReadout } from "./panels/readout.js";
import { makeSaving } from "./panels/saving.js";
import { makeShares } from "./panels/shares.js";
import { makeTimeline } from "./panels/timeline.js";

/**
 * @param {HTMLElement} root filled here
 * @param {Manifest} manifest
 * @param {Actions} actions
 * @param {() => View} view what is drawn now
 */
export function buildPage(root, manifest, actions, view) {
  const { offline } = manifest, { state } = view();
  const header = makeHeader(manifest, actions);
  const picture = makePicture(manifest);
  const comparison = makeComparison(actions, state.compare);
  const readout = makeReadout();
  const controls = makeControls(actions, state);
  const edits = makeEdits(manifest, actions, picture.over);
  const heads = makeHeads(actions), shares = makeShares(), decomposition = makeDecomposition(), bias = makeBias();
  const timeline = makeTimeline(manifest, actions, picture.image);
  const saving = makeSaving(view, picture);
  const spoken = make("p", { class: "swv-hidden", "aria-live": "polite" });
  root.style.setProperty("--swv-widest", `${widestOf(manifest)}px`);
  root.replaceChildren(
    header.element,
    make("div", { class: "swv-main" },
      make("section", { class: "swv-left", "aria-label": "Picture" },
        picture.element, comparison.elements, readout.elements, controls.elements, edits.element,
        offline ? make("p", { class: "swv-note swv-kept" }, offlineText(manifest.blocks, offline)) : []),
      make("section", { class: "swv-right", "aria-label": "Heads and shares" },
        heads.elements, shares.elements, decomposition.elements, bias.elements)),
    make("section", { class: "swv-below", "aria-label": "Blocks" }, timeline.elements, saving.element),
    spoken, header.help);
  return {
    over: picture.over, heads: heads.group, timeline: timeline.group, help: header.help,
    /** @param {View} shown @param {boolean} base whether more than the attention changed */
    show(shown, base) {
      picture.show(shown, base);
      comparison.show(shown, picture.width());
      for (const panel of [heads, shares, edits, decomposition, bias, timeline, saving, readout, controls, header]) panel.show(shown);
    },
    announce() {
      const { chosen } = view();
      requestAnimationFrame(() => requestAnimationFrame(() => { // after the picture
        spoken.textContent = `${readout.text()} ${blockName(chosen)}, ${headName(state.head, chosen.heads)}. ${shares.text()}`;
      }));
    },
  };
}

/** What stands in the place of a viewer. @param {string} text @param {boolean} error */
export const placeholder = (text, error = false) => (error ? make("p", { class: "swv-note", role: "alert" }, text) : note(text));
