/** The guided tour: a card beside the real control, which each step moves or points at. */

/**
 * @import {Actions} from "./actions.js"
 * @import {State} from "./state.js"
 * @import {View} from "./view.js"
 */

import { makePlayer } from "./animations.js";
import { button, make } from "./dom.js";
import { raise, rich } from "./glossary.js";
import { STEPS } from "./tour_steps.js";

const MEMORY = "swinviz-tour";

/** Whether the tour was taken or skipped in this browser; forgotten where nothing can be stored. */
function wasTaken() {
  try { return localStorage.getItem(MEMORY) === "taken"; } catch { return false; }
}

function remember() {
  try { localStorage.setItem(MEMORY, "taken"); } catch { /* then it is offered again */ }
}

/**
 * @param {HTMLElement} root
 * @param {{tour: HTMLButtonElement, animation: HTMLCanvasElement, image: HTMLCanvasElement, scale: () => number}} page
 * @param {() => View} view @param {Actions} actions
 */
export function makeTour(root, page, view, actions) {
  let step = -1;
  /** @type {State | null} */
  let home = null; // what the visitor looked at, which comes back in the end
  /** @type {Element | null} */
  let pointed = null;
  let said = "";
  const player = makePlayer(page.animation, () => ({ view: view(), image: page.image, scale: page.scale() }));
  const title = make("h2", { id: `swv-tour-${Math.random().toString(36).slice(2)}` });
  const text = make("p", { "aria-live": "polite" });
  const dots = STEPS.map(() => make("i"));
  const count = make("span", { class: "swv-note" });
  const skip = button("Skip", close), back = button("Back", () => go(step - 1));
  const next = button("Next", () => go(step + 1), { class: "swv-button swv-primary" });
  const card = make("div", { class: "swv-tour", role: "dialog", "aria-labelledby": title.id, popover: "manual", hidden: true },
    title, text, make("div", { class: "swv-tour-row" }, make("span", { class: "swv-dots", "aria-hidden": "true" }, dots), count,
      make("span", { class: "swv-space" }), skip, back, next));
  root.append(card);
  page.tour.classList.toggle("swv-primary", !wasTaken());
  page.tour.addEventListener("click", open);

  function open() {
    if (step >= 0) return;
    home = { ...view().state };
    go(0);
  }

  function close() {
    if (step < 0) return;
    step = -1;
    remember();
    page.tour.classList.remove("swv-primary");
    player.play(null);
    point(null);
    raise(card, false);
    if (home) actions.set(home);
    home = null;
    page.tour.focus({ preventScroll: true });
  }

  /** @param {number} to */
  function go(to) {
    if (to >= STEPS.length || !home) { close(); return; }
    step = Math.max(0, to);
    const { state, animation, title: name } = STEPS[step];
    actions.set({ y: home.y, x: home.x, ...state(view(), home) });
    player.play(animation ?? null);
    title.textContent = name;
    count.textContent = `${step + 1} of ${STEPS.length}`;
    dots.forEach((dot, index) => dot.classList.toggle("swv-here", index === step));
    back.disabled = step === 0;
    next.textContent = step === STEPS.length - 1 ? "Done" : "Next";
    said = "";
    raise(card, true);
    point(root.querySelector(STEPS[step].target));
    next.focus({ preventScroll: true });
  }

  /** @param {Element | null} element */
  function point(element) {
    if (pointed === element) return;
    pointed?.classList.remove("swv-pointed");
    pointed = element;
    element?.classList.add("swv-pointed");
    if (!element || element.contains(page.animation)) return;
    const box = element.getBoundingClientRect(), frame = /** @type {HTMLElement} */ (root.querySelector(".swv-frame")).getBoundingClientRect();
    const narrow = box.left < frame.right; // the picture stays above, the card below
    const [top, bottom] = narrow ? [frame.bottom, window.innerHeight - card.offsetHeight - 8] : [0, window.innerHeight];
    if (box.top < top || box.bottom > bottom) window.scrollBy({ top: box.top - top - 8 });
  }

  /** Beside the target and not on it, nor on the query; on a narrow page at its foot. */
  function place() {
    const frame = /** @type {HTMLElement} */ (root.querySelector(".swv-frame")).getBoundingClientRect();
    const side = /** @type {HTMLElement} */ (root.querySelector(".swv-side")).getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = card, { innerHeight, innerWidth } = window;
    let [left, top] = [(innerWidth - width) / 2, innerHeight - height - 8];
    if (side.left > frame.right) {
      const target = pointed?.closest(".swv-side") ? pointed.getBoundingClientRect() : null;
      const above = (target?.top ?? 0) - height - 12, below = (target?.bottom ?? 0) + 12;
      left = Math.min(side.left + 12, innerWidth - width - 8);
      top = !target ? side.top + 44 : above > side.top + 36 ? above : below;
      if (target && top + height > innerHeight - 8) { // no room there: on the picture, away from the query
        const { state, manifest: { size } } = view();
        left = frame.left + 16;
        top = state.y > size[0] / 2 ? frame.top + 16 : frame.bottom - height - 16;
      }
    }
    card.style.left = `${Math.max(8, left)}px`;
    card.style.top = `${Math.max(8, Math.min(innerHeight - height - 8, top))}px`;
  }

  const onscroll = () => { if (step >= 0) place(); };
  window.addEventListener("scroll", onscroll, true);
  window.addEventListener("resize", onscroll);
  root.addEventListener("keydown", (event) => {
    if (step < 0 || event.defaultPrevented) return;
    const by = card.contains(/** @type {Node} */ (event.target)) ? { ArrowRight: 1, ArrowLeft: -1 }[event.key] : undefined;
    if (!by && event.key !== "Escape") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!by) close();
    else if (step + by >= 0 && step + by < STEPS.length) go(step + by);
  });

  return {
    open, close,
    /** Say what is true of what is drawn now. @param {View} shown */
    show(shown) {
      if (step < 0) return;
      const sentence = STEPS[step].text(shown);
      if (said !== sentence) {
        said = sentence;
        text.replaceChildren(...rich(sentence));
      }
      point(root.querySelector(STEPS[step].target));
      player.refresh();
      place();
    },
    lastFrame: player.lastFrame,
    destroy() {
      player.play(null);
      raise(card, false);
      window.removeEventListener("scroll", onscroll, true);
      window.removeEventListener("resize", onscroll);
    },
  };
}
