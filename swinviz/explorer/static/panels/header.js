/** Title, the two directions of attention, and the help. */

/**
 * @import {Actions} from "../actions.js"
 * @import {Manifest, View} from "../view.js"
 */

import { button, make, makeChoices } from "../dom.js";
import { DIRECTION_NAMES, KEY_NAMES } from "../labels.js";

/** @param {Manifest} manifest @param {Actions} actions */
export function makeHeader({ title, size: [height, width] }, actions) {
  const help = make("dialog", { class: "swv-help", "aria-label": "Keys" },
    make("h3", {}, "Keys"),
    make("dl", {}, KEY_NAMES.flatMap(([keys, meaning]) => [make("dt", {}, keys), make("dd", {}, meaning)])),
    make("p", {}, "Hover to look, click to lock, click again to free. Drag a rectangle to ask for a region."),
    make("form", { method: "dialog" }, make("button", { class: "swv-button" }, "Close")));
  const directions = makeChoices(DIRECTION_NAMES, (direction) => actions.chooseDirection(direction));
  return {
    help,
    element: make("header", { class: "swv-header" },
      make("strong", {}, title),
      make("span", { class: "swv-note" }, `${width} × ${height} px, as the model sees it`),
      make("span", { class: "swv-space" }), ...directions.elements,
      button("?", () => help.showModal(), { "aria-label": "Keys", title: "Keys (?)" })),
    /** @param {View} view */
    show: (view) => directions.show(view.state.direction),
  };
}
