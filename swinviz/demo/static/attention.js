/** The explorer inside the page. It is opened when its tab is first seen, so that looking costs, not arriving. */
import { addressOf, viewerState, writeViewerState } from "./address.js";

/** @typedef {{path: string, picture: string, size: [height: number, width: number]}} Opened */
/** @typedef {{x: number, y: number, picture: string}} Place in shares of a picture's sides */
/** @typedef {{root: HTMLElement, set: (fields: object) => void, restore: (state: string) => void, close: () => void}} Explorer */

const EMPTY = "Choose a picture in the Image tab; here you then see what each of its pixels attends to.";

/** @type {Place | null} to be pointed at once the explorer is there: gradio makes a tab when it is first opened */
let place = null;

/** Point the explorer at a place, as soon as it shows that picture. @param {Place} wanted */
export function pointAttention(wanted) {
  place = wanted;
  dispatchEvent(new Event("swinviz-point"));
}

/** @param {HTMLElement} root @param {unknown} _select @param {string} address */
export function mount(root, _select, address) {
  /** @type {Opened | null} */
  let wanted = null;
  /** @type {Opened | null} */
  let opened = null;
  /** @type {Explorer | null} */
  let viewer = null;
  let begun = false;
  /** @type {string | null} where one went back or forward to while the explorer was being opened */
  let missed = null;

  async function open() {
    if ((begun && wanted === opened) || !root.offsetParent) {
      point();
      return;
    }
    begun = true;
    opened = wanted;
    viewer?.close();
    viewer = missed = null;
    if (!opened) {
      root.textContent = EMPTY;
      return;
    }
    const asked = opened;
    // The explorer takes its colors and measures from its style sheet, so that has to be there first.
    const [explorer] = await Promise.all([import(`${address}/swinviz/explorer/explorer.js`), styled]);
    const made = await explorer.mount(root, explorer.fetchTransport(address + asked.path), {
      state: viewerState(), link: addressOf,
      onstate: (/** @type {string} */ state) => { if (missed === null) writeViewerState(state, !isTouring()); },
    }).catch(() => null); // it says itself, in its place, why it could not open
    if (asked !== opened) {
      made?.close();
      return;
    }
    viewer = made;
    const later = missed;
    missed = null;
    if (later !== null) viewer?.restore(later);
    point();
  }

  /** The tour goes through states of its own, and gives back the visitor's. */
  const isTouring = () => Boolean(root.querySelector(".swv-tour")?.checkVisibility());

  function point() {
    if (!viewer || !opened || opened.picture !== place?.picture) return;
    const [height, width] = opened.size;
    const [y, x] = [Math.floor(place.y * height), Math.floor(place.x * width)];
    place = null;
    viewer.set({ y, x, region: null, locked: true });
  }

  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: `${address}/swinviz/explorer/explorer.css` });
  const styled = new Promise((resolve) => {
    style.addEventListener("load", resolve);
    style.addEventListener("error", resolve);
  });
  document.head.append(style);
  new IntersectionObserver(open).observe(root);
  addEventListener("swinviz-point", open);
  addEventListener("popstate", () => {
    if (!viewer) missed = viewerState();
    else if (!isTouring()) viewer.restore(viewerState());
  });
  return {
    /** @param {Opened | null} value */
    show(value) {
      if (value?.path !== wanted?.path) wanted = value; // told twice, it is still the same session
      open();
    },
  };
}
