/** Pointer and keys: which action an event stands for. */

/**
 * @import {Actions} from "./actions.js"
 * @import {View} from "./view.js"
 */

import { extentOf } from "./shapes.js";

/** The smallest box of whole pixels that holds two pixels: [top, left, bottom, right).
 * @param {number[]} one @param {number[]} other */
const boxAround = ([y, x], [otherY, otherX]) =>
  [Math.min(y, otherY), Math.min(x, otherX), Math.max(y, otherY) + 1, Math.max(x, otherX) + 1];

/** @param {HTMLCanvasElement} over @param {() => View} view @param {Actions} actions */
export function listenToPointer(over, view, actions) {
  /** @param {PointerEvent} event */
  const at = (event) => {
    const box = over.getBoundingClientRect();
    const unit = extentOf(view())[1] / box.width;
    return [Math.floor((event.clientY - box.top) * unit), Math.floor((event.clientX - box.left) * unit)];
  };
  let pressed = /** @type {PointerEvent | null} */ (null), dragged = false;
  over.addEventListener("pointermove", (event) => {
    const [y, x] = at(event);
    actions.point([y, x]);
    if (pressed) {
      dragged ||= Math.hypot(event.clientY - pressed.clientY, event.clientX - pressed.clientX) > 6;
      actions.move(dragged ? { region: boxAround([y, x], at(pressed)), locked: true } : {});
    } else actions.move(view().state.locked ? {} : { y, x });
  });
  over.addEventListener("pointerdown", (event) => {
    [pressed, dragged] = [event, false];
    over.setPointerCapture(event.pointerId);
  });
  over.addEventListener("pointerup", (event) => {
    if (!pressed) return;
    pressed = null;
    if (dragged) { actions.announce(); return; }
    const touch = event.pointerType === "touch"; // a finger cannot hover: every tap asks anew
    const lock = touch || !view().state.locked;
    const [y, x] = at(event);
    actions.move(lock ? { y, x } : {});
    actions.lock(lock);
  });
  over.addEventListener("pointercancel", () => { pressed = null; }); // a finger that scrolls the page
  over.addEventListener("pointerleave", () => actions.point(null));
}

/** A picture dropped anywhere on the viewer is the second one. @param {HTMLElement} root @param {Actions} actions */
export function listenToDrops(root, actions) {
  /** @param {DragEvent} event */
  const carries = (event) => [...event.dataTransfer?.items ?? []].some(({ kind }) => kind === "file");
  root.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    event.stopPropagation();
    root.classList.add("swv-dropping");
  });
  root.addEventListener("dragleave", (event) => {
    if (!root.contains(/** @type {Node | null} */ (event.relatedTarget))) root.classList.remove("swv-dropping");
  });
  root.addEventListener("drop", (event) => {
    root.classList.remove("swv-dropping");
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    actions.openSecond(file);
  });
}

/** @type {Record<string, (actions: Actions, shift: boolean) => void>} */
const KEY_ACTIONS = {
  "[": (actions) => actions.stepBlock(-1),
  "]": (actions) => actions.stepBlock(1),
  ",": (actions) => actions.stepHead(-1),
  ".": (actions) => actions.stepHead(1),
  "+": (actions) => actions.widen(1),
  "-": (actions) => actions.widen(-1),
  Escape: (actions) => actions.lock(false),
  r: (actions) => actions.reverse(),
  m: (actions) => actions.play(),
  g: (actions) => actions.toggleLayer("grid"),
  h: (actions) => actions.toggleLayer("shifted"),
  b: (actions) => actions.toggleLayer("borders"),
  p: (actions) => actions.toggleLayer("padding"),
  o: (actions) => actions.toggleLayer("outlines"),
  c: (actions) => actions.toggleLayer("components"),
  l: (actions) => actions.alike(),
  ArrowUp: (actions, shift) => actions.moveQuery(-1, 0, shift),
  ArrowDown: (actions, shift) => actions.moveQuery(1, 0, shift),
  ArrowLeft: (actions, shift) => actions.moveQuery(0, -1, shift),
  ArrowRight: (actions, shift) => actions.moveQuery(0, 1, shift),
};

/** Steps through a group of radio buttons, of which only the chosen one can be reached with Tab.
 * @type {Record<string, number>} */
const RADIO_STEPS = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 };

/**
 * @param {HTMLElement} root
 * @param {{heads: HTMLElement, timeline: HTMLElement, help: HTMLDialogElement, tabs: {list: HTMLElement,
 *   step: (id: string, by: number) => void}}} parts groups of radio buttons, the help, and the panels' tabs
 * @param {() => View} view
 * @param {Actions} actions
 */
export function listenToKeys(root, { heads, timeline, help, tabs }, view, actions) {
  /** The action of a key, or null where it belongs to the focused control: Space and Enter to all, arrows to some.
   * @param {KeyboardEvent} event @returns {(() => void) | null} */
  const actionOf = ({ key, shiftKey, target }) => {
    if (!(target instanceof Element)) return null;
    const control = target.closest("input, button");
    const range = control instanceof HTMLInputElement && control.type === "range";
    if (control instanceof HTMLInputElement && control.readOnly) return null; // its text is being copied
    if (control && (key === " " || key === "Enter" || (range && key.startsWith("Arrow")))) return null;
    const by = RADIO_STEPS[key];
    if (by && timeline.contains(target)) return () => actions.stepBlock(by);
    if (by && heads.contains(target)) return () => actions.stepHead(by);
    if (by && tabs.list.contains(target)) return () => tabs.step(view().state.view, by);
    if (key === " ") return () => actions.lock(!view().state.locked);
    if (key === "?") return () => help.showModal();
    const action = KEY_ACTIONS[key] ?? KEY_ACTIONS[key.toLowerCase()];
    return action ? () => action(actions, shiftKey) : null;
  };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // a notebook has single-letter commands of its own
    action();
    actions.announce();
  });
}
