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
import { listenToTerms } from "./glossary.js";
import { makeJobs } from "./jobs.js";
import { listenToDrops, listenToKeys, listenToPointer } from "./input.js";
import { buildPage, placeholder } from "./page.js";
import { clampState, firstState, formatState } from "./state.js";
import { followTheme } from "./theme.js";
import { makeTour } from "./tour.js";
import { fetchTransport, fileTransport, widgetTransport } from "./transports.js";
import { readManifest, requestsOf, viewOf } from "./view.js";

/**
 * Put a viewer into an element.
 *
 * A host that has addresses of its own passes `state` from the address, writes it back in `onstate` (or listens to
 * the event "swinviz-state", which bubbles and carries {state}), and says in `link` what "Copy link" copies.
 * @param {HTMLElement} element
 * @param {Transport} transport
 * @param {object} options
 * @param {string} [options.state] state string to begin with
 * @param {((state: string) => void) | null} [options.onstate] called with the state string when it changes
 * @param {(state: string) => string} [options.link] text that stands for a state elsewhere; by default itself
 */
export async function mount(element, transport, { state: text = "", onstate = null, link = (state) => state } = {}) {
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
  const moment = { pointer: null, resting: true, frame: null, second: null, colors: theme.colors() };
  const answers = makeAnswers(source, changed);
  const jobs = makeJobs(source, changed);
  let view = viewOf(opened, state, {}, moment);
  const actions = makeActions({
    manifest: opened, state, moment, view: () => view, changed, announce: () => page.announce(), ask: transport.request, jobs,
  });
  const page = buildPage(root, opened, actions, { view: () => view, link: () => link(formatState({ ...state, locked: true })) });
  const terms = listenToTerms(root); // before the keys: Escape closes what lies on top
  const tour = makeTour(root, page, () => view, actions);
  listenToPointer(page.over, () => view, actions);
  if (opened.analyses.includes("features") && !opened.offline) listenToDrops(root, actions);
  listenToKeys(root, page, () => view, actions);

  function redraw() {
    const started = performance.now(), all = base;
    [frame, base] = [0, false];
    clampState(state, opened);
    moment.colors = theme.colors();
    const found = answers.ask(requestsOf(opened, state, moment));
    const stay = Object.fromEntries(["timeline", "rollout", "decision"].map((slot) => [slot, answers.latest(slot)]));
    view = viewOf(opened, state, { ...found, ...stay }, moment, {
      patching: jobs.of("patching", opened, state, moment.second), trust: jobs.of("trust", opened, state, moment.second),
    });
    page.show(view, all);
    tour.show(view);
    root.dataset.ready = String(Boolean(view.block && view.before));
    const permalink = formatState(state);
    if (root.dataset.state !== permalink && (state.locked || all)) {
      root.dataset.state = permalink;
      onstate?.(permalink);
      root.dispatchEvent(new CustomEvent("swinviz-state", { bubbles: true, detail: { state: permalink } }));
    }
    milliseconds = performance.now() - started;
  }

  const resized = new ResizeObserver(() => changed());
  resized.observe(root);
  changed();
  return {
    root, state,
    permalink: () => formatState(state),
    /** Show what a state string says, as if the viewer had been opened with it. @param {string} said */
    restore(said) {
      if (said !== formatState(state)) actions.set(firstState(said, opened));
    },
    /** @param {Partial<State>} fields */
    set: (fields) => actions.set(fields),
    /** Milliseconds that the last drawing took. */
    lastDraw: () => milliseconds,
    tour,
    close() {
      theme.close();
      terms.close();
      tour.destroy();
      resized.disconnect();
      actions.close();
      jobs.close();
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
  const onchange = () => viewer.restore(model.get("state")); // Python set it, or another view of the widget
  model.on("change:state", onchange);
  return () => { model.off("change:state", onchange); viewer.close(); };
}

export { fetchTransport, fileTransport };
export default { render };
