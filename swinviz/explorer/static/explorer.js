/**
 * The attention explorer: hover a pixel, see what it attends to.
 *
 * One viewer for three hosts (notebook, app, offline file). What differs between hosts is a transport, which asks
 * Python, or a file, for numbers. What a viewer shows follows from one plain state and the answers that have come:
 * state.js -> requestsOf and viewOf in view.js -> page.js, whose panels draw the view. Pointer and keys (input.js)
 * call actions (actions.js), which change the state.
 *
 * The only mathematics are indices and sums over stored rows (geometry.js, rows.js, decompose.js).
 */

/**
 * @import {State} from "./state.js"
 * @import {Transport, WidgetModel} from "./transports.js"
 * @import {Moment} from "./view.js"
 */

import { makeActions } from "./actions.js";
import { cached, makeAnswers } from "./answers.js";
import { make } from "./dom.js";
import { listenToKeys, listenToPointer } from "./input.js";
import { buildPage, placeholder } from "./page.js";
import { clampState, firstState, formatState } from "./state.js";
import { followTheme } from "./theme.js";
import { fetchTransport, fileTransport, widgetTransport } from "./transports.js";
import { readManifest, requestsOf, viewOf } from "./view.js";

/**
 * Put a viewer into an element.
 * @param {HTMLElement} element
 * @param {Transport} transport
 * @param {{state?: string, onstate?: ((permalink: string) => void) | null}} options a permalink to begin with; a
 *   function that is called with another when the state changes
 */
export async function mount(element, transport, { state: text = "", onstate = null } = {}) {
  const root = make("div", { class: "swinviz-explorer", "data-ready": "false" }, placeholder("opening …"));
  element.replaceChildren(root);
  const source = cached(transport);
  let manifest;
  try {
    manifest = readManifest(await source.request("manifest", {}));
  } catch (error) {
    root.replaceChildren(placeholder(`The viewer could not open: ${/** @type {Error} */ (error).message}`, true));
    throw error;
  }
  const opened = manifest, state = firstState(text, opened);
  let frame = 0, base = false, milliseconds = 0;

  /** Draw in the next frame; `all`: also what lies below the attention. */
  const changed = (all = true) => {
    base ||= all;
    frame ||= requestAnimationFrame(redraw);
  };
  const theme = followTheme(root, changed);
  /** @type {Moment} */
  const moment = { pointer: null, resting: true, frame: null, colors: theme.colors() };
  const answers = makeAnswers(source, changed);
  let view = viewOf(opened, state, {}, moment);
  const actions = makeActions({ manifest: opened, state, moment, view: () => view, changed, announce: () => page.announce() });
  const page = buildPage(root, opened, actions, () => view);
  listenToPointer(page.over, () => view, actions);
  listenToKeys(root, page, () => view, actions);

  function redraw() {
    const started = performance.now(), all = base;
    [frame, base] = [0, false];
    clampState(state, opened);
    moment.colors = theme.colors();
    const found = answers.ask(requestsOf(opened, state, moment.resting));
    view = viewOf(opened, state, { ...found, timeline: answers.latest("timeline") }, moment);
    page.show(view, all);
    root.dataset.ready = String(Boolean(view.block && view.before));
    const permalink = formatState(state);
    if (root.dataset.state !== permalink && (state.locked || all)) {
      root.dataset.state = permalink;
      onstate?.(permalink);
    }
    milliseconds = performance.now() - started;
  }

  const resized = new ResizeObserver(() => changed());
  resized.observe(root);
  changed();
  return {
    root, state,
    permalink: () => formatState(state),
    /** @param {Partial<State>} fields */
    set: (fields) => actions.set(fields),
    /** Milliseconds that the last drawing took. */
    lastDraw: () => milliseconds,
    close() {
      theme.close();
      resized.disconnect();
      actions.close();
      cancelAnimationFrame(frame);
      source.close();
      element.replaceChildren();
    },
  };
}

/** anywidget's entry point. @param {{model: WidgetModel & {get: Function, set: Function, save_changes: Function}, el: HTMLElement}} host */
async function render({ model, el }) {
  /** @param {string} state */
  const onstate = (state) => { model.set("state", state); model.save_changes(); };
  const viewer = await mount(el, widgetTransport(model), { state: model.get("state"), onstate });
  return () => viewer.close();
}

export { fetchTransport, fileTransport };
export default { render };
