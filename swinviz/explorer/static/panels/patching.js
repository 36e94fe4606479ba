/** Patching: which head of which block, taken from another picture, moves the logit of the clicked pixel's class. */

/**
 * @import {Actions} from "../actions.js"
 * @import {Manifest, View} from "../view.js"
 */

import { COLORS, colorOf, css } from "../colors.js";
import { button, make, makeChoices } from "../dom.js";
import { rich } from "../glossary.js";
import { DONOR_NAMES, blockName, formatSigned } from "../labels.js";
import { makeMeasuring } from "./measuring.js";

const STRONGEST = 3;

/** The donor in words. @param {View} view */
const donorText = ({ state, second }) => (state.donor === "second" ? second?.name ?? "the second picture" : DONOR_NAMES[state.donor][1]);

/** @param {Manifest} manifest @param {Actions} actions */
export function makePatching({ blocks, classes, picture, title }, actions) {
  const donors = makeChoices(DONOR_NAMES, (donor) => actions.set({ donor }));
  const measuring = makeMeasuring("patching", actions, "blocks that are patched");
  const most = Math.max(...blocks.map(({ heads }) => heads));
  const rows = blocks.map((block) => {
    const cells = Array.from({ length: block.heads + 1 }, (_, index) => {
      const said = make("span", { class: "swv-hidden" });
      const cell = make("td", { onclick: () => actions.set({ stage: block.stage, block: block.block, head: index - 1 }) }, said);
      return { cell, said };
    });
    const absent = most > block.heads ? [make("td", { colspan: most - block.heads, class: "swv-absent" })] : [];
    return { cells, element: make("tr", {}, make("th", { scope: "row" }, `${block.stage}·${block.block}`), cells.map(({ cell }) => cell), absent) };
  });
  const step = most > 16 ? 4 : 1;
  const numbers = Array.from({ length: most }, (_, head) => make("th", { scope: "col" },
    head % step ? make("span", { class: "swv-hidden" }, `head ${head}`) : String(head)));
  const table = make("table", { class: "swv-grid", hidden: true },
    make("caption", {}, "Change of the logit; a row a block, a column a head"),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "block"), make("th", { scope: "col" }, "all"), numbers)),
    make("tbody", {}, rows.map(({ element }) => element)));
  const finding = make("p", { class: "swv-finding" }), strongest = make("div", { class: "swv-controls" });
  let shown = "";
  return {
    elements: [
      make("h2", {}, rich("{patching|Patching}: which head carries what decides this pixel?")),
      make("div", { class: "swv-controls" }, make("span", { class: "swv-note" }, "Taken from"), make("span", { class: "swv-group" }, donors.elements)),
      ...measuring.elements, finding, table, strongest,
      make("p", { class: "swv-note" }, rich("Each cell is one exact run of the unedited model, resumed at the block, with that head's output at all tokens "
        + "taken from the other picture. Orange raises the {logit}, purple lowers it. A click on a cell shows its head.")),
    ],
    /** @param {View} view */
    show(view) {
      const { patching: job, state, second } = view;
      donors.show(state.donor);
      measuring.show(job, state.donor === "second" && !second?.key ? "Choose a second picture first, in the panel Looks like." : null, "blocks");
      const answers = job?.answers ?? [], [first] = answers;
      const key = `${job?.key} ${answers.length}`;
      if (shown === key) return;
      shown = key;
      table.hidden = strongest.hidden = !first;
      if (!first) { finding.textContent = ""; return; }
      const { class_index: index, receiver, donor } = first.header;
      finding.textContent = `Logit of ${classes[index]} at (y ${state.y}, x ${state.x}) of ${picture || title}: ${formatSigned(receiver)}. `
        + `In ${donorText(view)}, at the same place: ${formatSigned(donor)}.`;
      const values = answers.map(({ header }) => [header.together, ...header.heads]);
      const reach = Math.max(1e-9, ...values.flat().map(Math.abs));
      rows.forEach(({ cells }, row) => cells.forEach(({ cell, said }, column) => {
        const value = values[row]?.[column];
        cell.style.background = value == null ? "" : css(colorOf(COLORS.signed, 0.5 + value / (2 * reach)));
        said.textContent = value == null ? "not yet" : formatSigned(value);
        cell.title = value == null ? "" : `${blockName(blocks[row])}, ${column ? `head ${column - 1}` : "all heads"}: ${formatSigned(value)}`;
      }));
      const heads = values.flatMap((row, at) => row.slice(1).map((value, head) => ({ block: blocks[at], head, value })));
      heads.sort((one, other) => Math.abs(other.value) - Math.abs(one.value));
      strongest.replaceChildren(make("span", { class: "swv-note" }, "Strongest"), ...heads.slice(0, STRONGEST).map(({ block, head, value }) =>
        button(`${block.stage}·${block.block} head ${head}: ${formatSigned(value)}`,
          () => actions.set({ stage: block.stage, block: block.block, head }), { title: `Show head ${head} of ${blockName(block)}` })));
    },
  };
}
