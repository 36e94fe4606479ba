/** Edits of the model: tick boxes for those of all blocks, a button for the chosen head. */

/**
 * @import {Actions} from "../actions.js"
 * @import {Manifest, View} from "../view.js"
 */

import { button, make, note, replaceChildren } from "../dom.js";
import { EDIT_NAMES, blockName, editName } from "../labels.js";

/**
 * @param {Manifest} manifest @param {Actions} actions
 * @param {HTMLElement} heir gets the focus when the button that had it goes away
 */
export function makeEdits({ offline }, actions, heir) {
  const names = Object.keys(EDIT_NAMES).filter((name) => !offline || offline.edits.includes(name));
  const boxes = names.map((name) => make("input", { type: "checkbox", onchange: () => actions.toggleEdit(name) }));
  let head = /** @type {string | null} */ (null); // the edit that silences the chosen head
  const silence = button("", () => head && actions.toggleEdit(head));
  const silenced = make("span", { class: "swv-controls" });
  let shown = "";
  const element = make("fieldset", { class: "swv-edits", hidden: !names.length }, make("legend", {}, "What if …"),
    make("div", { class: "swv-controls" }, names.map((name, index) =>
      make("label", { title: EDIT_NAMES[name][1] }, boxes[index], EDIT_NAMES[name][0]))),
    offline ? note("One at a time, and the segmentation only: the attention shown stays that of the unedited model.")
      : make("div", { class: "swv-controls" }, silence, silenced));

  /** @param {View} view */
  function showHeads({ state, chosen }) {
    head = state.head < 0 ? null : `off-${state.stage}-${state.block}-${state.head}`;
    silence.disabled = !head;
    silence.textContent = !head ? "Choose a head to silence it"
      : `${state.edits.includes(head) ? "Restore" : "Silence"} head ${state.head} of ${blockName(chosen)}`;
    const off = state.edits.filter((name) => name.startsWith("off-"));
    if (shown === off.join()) return;
    shown = off.join();
    replaceChildren(silenced, off.map((name) => button(`${editName(name)} ×`, () => actions.toggleEdit(name), {
      title: "restore this head (stage·block·head)",
    })), heir);
  }

  return {
    element,
    /** @param {View} view */
    show(view) {
      names.forEach((name, index) => { boxes[index].checked = view.state.edits.includes(name); });
      showHeads(view);
    },
  };
}
