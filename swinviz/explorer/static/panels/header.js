/** Title, the tour, the link, the two directions of attention, and the help. */

/**
 * @import {Actions} from "../actions.js"
 * @import {Manifest, View} from "../view.js"
 */

import { button, make, makeChoices } from "../dom.js";
import { makeDefinitions } from "../glossary.js";
import { DIRECTION_NAMES, KEY_NAMES } from "../labels.js";

const SAID_MILLISECONDS = 4000;

/** Copies a link, or shows it where nothing may be copied. @param {() => string} link */
function makeLink(link) {
  const said = make("span", { class: "swv-note", role: "status" });
  const shown = make("input", { class: "swv-link", readonly: true, hidden: true, "aria-label": "Link to this view" });
  async function copy() {
    const text = link();
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "copied";
      setTimeout(() => { said.textContent = ""; }, SAID_MILLISECONDS);
    } catch { // not allowed here: show it, chosen, to be copied by hand
      shown.value = text;
      shown.hidden = false;
      shown.select();
    }
  }
  return [said, shown, button("Copy link", copy, { title: "Pixel, block, head, edits and panel, for somebody else to open" })];
}

/** @param {Manifest} manifest @param {Actions} actions @param {() => string} link */
export function makeHeader({ title, picture, size: [height, width], analyses }, actions, link) {
  const help = make("dialog", { class: "swv-help", "aria-label": "Keys and terms" },
    make("h2", {}, "Keys"),
    make("dl", {}, KEY_NAMES.flatMap(([keys, meaning]) => [make("dt", {}, keys), make("dd", {}, meaning)])),
    make("p", {}, "Hover to look, click to lock, click again to free. Drag a rectangle to ask for a region."),
    make("h2", {}, "Terms"), makeDefinitions(),
    make("form", { method: "dialog" }, make("button", { class: "swv-button" }, "Close")));
  const { like, ...attention } = DIRECTION_NAMES;
  /** @type {Partial<typeof DIRECTION_NAMES>} */
  const names = analyses.includes("features") ? { ...attention, like } : attention;
  const directions = makeChoices(/** @type {typeof DIRECTION_NAMES} */ (names), (direction) => actions.chooseDirection(direction));
  const tour = button("Tour", () => {}, { class: "swv-button swv-tour-button", title: "Eight short steps on this picture" });
  return {
    help, tour,
    element: make("header", { class: "swv-header" },
      make("strong", {}, picture || title),
      make("span", { class: "swv-note swv-size" }, `${picture ? `${title}, ` : ""}${width} × ${height} px, as the model sees it`),
      make("span", { class: "swv-space" }),
      make("span", { class: "swv-group swv-directions" }, directions.elements), ...makeLink(link), tour,
      button("?", () => help.showModal(), { "aria-label": "Keys and terms", title: "Keys and terms (?)" })),
    /** @param {View} view */
    show: (view) => directions.show(view.state.direction),
  };
}
