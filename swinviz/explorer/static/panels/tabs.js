/** Panels beside the picture, of which one is open. */

/**
 * @import {Actions} from "../actions.js"
 * @import {View} from "../view.js"
 * @typedef {object} SidePanel one tab; what it needs from Python it asks for in view.js (requestsOf)
 * @property {string} id kept in the state string, as `view`
 * @property {string} label
 * @property {HTMLElement[]} elements
 * @property {(view: View) => void} show draw; called while the panel is open
 */

import { make } from "../dom.js";

/** @param {SidePanel[]} panels the first is open at first @param {Actions} actions */
export function makeTabs(panels, actions) {
  const prefix = `swv-${Math.random().toString(36).slice(2)}`;
  const tabs = panels.map(({ id, label }) => make("button", {
    type: "button", role: "tab", class: "swv-tab", id: `${prefix}-${id}`, "data-view": id, "aria-controls": `${prefix}-${id}-panel`,
    onclick: () => actions.openPanel(id),
  }, label));
  const boxes = panels.map(({ id, elements }) => make("div", {
    role: "tabpanel", class: "swv-panel", id: `${prefix}-${id}-panel`, "aria-labelledby": `${prefix}-${id}`,
  }, elements));
  const list = make("div", { class: "swv-tabs", role: "tablist", "aria-label": "Panels" }, tabs);
  /** Index of the open one. @param {string} id */
  const indexOf = (id) => Math.max(0, panels.findIndex((panel) => panel.id === id));
  return {
    list, element: make("section", { class: "swv-side", "aria-label": "Panels" }, list, boxes),
    /** Open the next or the previous panel. @param {string} id the open one @param {number} by */
    step(id, by) {
      const index = (indexOf(id) + by + panels.length) % panels.length;
      actions.openPanel(panels[index].id);
      tabs[index].focus();
    },
    /** @param {View} view */
    show(view) {
      const open = indexOf(view.state.view);
      tabs.forEach((tab, index) => {
        tab.setAttribute("aria-selected", String(index === open));
        tab.tabIndex = index === open ? 0 : -1;
        if (boxes[index].hidden && index === open) list.scrollLeft = tab.offsetLeft - list.offsetLeft - 30;  // on a phone
        boxes[index].hidden = index !== open;
      });
      panels[open].show(view);
    },
  };
}
