/** The page around the panels: built once, then shown again with every view. */

/**
 * @import {Actions} from "./actions.js"
 * @import {SidePanel} from "./panels/tabs.js"
 * @import {Manifest, View} from "./view.js"
 */

import { make, note } from "./dom.js";
import { blockName, headName, offlineText } from "./labels.js";
import { makeAlike } from "./panels/alike.js";
import { makeBias } from "./panels/bias.js";
import { makeComparison } from "./panels/comparison.js";
import { makeControls } from "./panels/controls.js";
import { makeDecomposition } from "./panels/decomposition.js";
import { makeEdits } from "./panels/edits.js";
import { makeHeader } from "./panels/header.js";
import { makeHeads } from "./panels/heads.js";
import { makeLensStrip } from "./panels/lens_strip.js";
import { makeModelMap } from "./panels/model_map.js";
import { makePatching } from "./panels/patching.js";
import { makePicture } from "./panels/picture.js";
import { makeReadout } from "./panels/readout.js";
import { makeSaving } from "./panels/saving.js";
import { makeShares } from "./panels/shares.js";
import { makeTabs } from "./panels/tabs.js";
import { makeTrust } from "./panels/trust.js";
import { makeTimeline } from "./panels/timeline.js";

/**
 * @param {HTMLElement} root filled here
 * @param {Manifest} manifest
 * @param {Actions} actions
 * @param {{view: () => View, link: () => string}} host what is drawn now; what "Copy link" copies
 */
export function buildPage(root, manifest, actions, { view, link }) {
  const { offline } = manifest, { state } = view();
  const header = makeHeader(manifest, actions, link);
  const picture = makePicture(manifest);
  const comparison = makeComparison(actions, state.compare);
  const readout = makeReadout();
  const controls = makeControls(manifest, actions, state);
  const timeline = makeTimeline(manifest, actions, picture.image);
  const saving = makeSaving(view, picture);
  const edits = makeEdits(manifest, actions, picture.over);
  const heads = makeHeads(actions), shares = makeShares(), decomposition = makeDecomposition(), bias = makeBias();
  const map = makeModelMap(manifest, actions, picture.image);
  // A further panel is another entry here: its file is in panels/, its requests are in requestsOf().
  /** @type {SidePanel[]} */
  const panels = [
    {
      id: "attention", label: "Heads and shares", elements: [...heads.elements, ...shares.elements, edits.element],
      show: (shown) => { for (const panel of [heads, shares, edits]) panel.show(shown); },
    },
    {
      id: "parts", label: "Why this pattern", elements: [...decomposition.elements, ...bias.elements],
      show: (shown) => { decomposition.show(shown); bias.show(shown); },
    },
    { id: "model", label: "Whole model", elements: map.elements, show: map.show },
  ];
  if (manifest.analyses.includes("features")) {
    const alike = makeAlike(manifest, actions, picture.image);
    panels.push({ id: "alike", label: "Looks like", elements: alike.elements, show: alike.show });
  }
  if (manifest.analyses.includes("lens")) {
    const lens = makeLensStrip(manifest, actions, picture.image);
    panels.push({ id: "lens", label: "Lens", elements: lens.elements, show: lens.show });
  }
  if (manifest.analyses.includes("patching")) {
    const patching = makePatching(manifest, actions);
    panels.push({ id: "patching", label: "Patching", elements: patching.elements, show: patching.show });
  }
  if (manifest.analyses.includes("trust")) {
    const trust = makeTrust(manifest, actions);
    panels.push({ id: "trust", label: "Trust", elements: trust.elements, show: trust.show });
  }
  const tabs = makeTabs(panels, actions);
  const spoken = make("p", { class: "swv-hidden", "aria-live": "polite" });
  const strip = make("section", { class: "swv-strip", "aria-label": "Blocks" }, timeline.elements);
  root.replaceChildren(
    header.element,
    make("div", { class: "swv-main" },
      strip,
      make("div", { class: "swv-frame" }, picture.element),
      make("section", { class: "swv-read", "aria-label": "Reading" }, comparison.elements, readout.elements),
      tabs.element,
      make("section", { class: "swv-under", "aria-label": "View" }, controls.elements, saving.element,
        offline ? make("p", { class: "swv-note swv-kept" }, offlineText(manifest.blocks, offline)) : [])),
    spoken, header.help);
  return {
    over: picture.over, animation: picture.animation, heads: heads.group, timeline: timeline.group, tabs, help: header.help,
    tour: header.tour, image: picture.image, scale: picture.scale,
    /** @param {View} shown @param {boolean} base whether more than the attention changed */
    show(shown, base) {
      picture.show(shown, base);
      comparison.show(shown, picture.width());
      for (const panel of [timeline, saving, readout, controls, header, tabs]) panel.show(shown);
    },
    announce() {
      requestAnimationFrame(() => requestAnimationFrame(() => { // after the picture
        const shown = view(), { chosen } = shown;
        shares.show(shown); // its panel may be closed
        spoken.textContent = `${readout.text()} ${blockName(chosen)}, ${headName(state.head, chosen.heads)}. ${shares.text()}`;
      }));
    },
  };
}

/** What stands in the place of a viewer. @param {string} text @param {boolean} error */
export const placeholder = (text, error = false) => (error ? make("p", { class: "swv-note", role: "alert" }, text) : note(text));
