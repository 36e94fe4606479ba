/** Terms and their definitions: shown by tap, hover or focus wherever a term stands, and all together in the help. */

/** @typedef {keyof typeof DEFINITIONS} TermName */

import { make } from "./dom.js";

/** A term's name and what it means, in a sentence or two. */
export const DEFINITIONS = {
  token: ["token", "A patch of the picture as the model sees it: one vector of numbers. It begins as 4 × 4 pixels and covers "
    + "twice as much in each direction after every merging."],
  window: ["window", "A square of neighboring tokens, mostly 7 × 7. Attention happens inside a window only, which keeps it cheap."],
  wmsa: ["W-MSA", "A block whose windows are laid out regularly, from the top left corner on."],
  swmsa: ["SW-MSA", "A block whose windows are shifted by half a window, so that tokens meet that the block before kept apart."],
  query: ["query", "The token that asks. It compares itself with all tokens of its window and mixes what they hold into itself."],
  key: ["key", "A token that is asked. How well it matches the query decides its share of the query's attention."],
  head: ["head", "One of several attentions that a block computes side by side; each may look for something else."],
  border: ["region border", "Where the shift brings together, in one window, parts that are no neighbors in the picture. "
    + "Tokens may not attend across it: the mask forbids it."],
  padding: ["padding", "Empty tokens that fill up the last windows of a row or column. They are attended like any other."],
  nat: ["nat", "A unit of information, like the bit, from natural logarithms. An attention of 2 nat is as spread out as one "
    + "that is shared evenly by e² ≈ 7 tokens."],
  kl: ["KL", "Kullback-Leibler divergence: how much is lost when one attention stands in for another, in nat. 0: they are the same."],
  rollout: ["rollout", "Where a token's content comes from: attention, averaged over heads, multiplied through all blocks before."],
  reach: ["reach", "Which pixels can influence a token at all, after each block: windows, shifts, masks and merging alone."],
  merging: ["merging", "Between stages, four neighboring tokens join into one, which covers twice as much in each direction."],
  bias: ["position bias", "A number added to the match of query and key that depends only on where one lies from the other."],
  cosine: ["cosine", "How nearly two vectors point the same way: 1 the same, 0 at right angles, −1 opposite. Their lengths do not count. "
    + "The mean of the picture's vectors is taken off first: all tokens share it, and it would make everything look alike."],
  components: ["principal components", "The few directions in which the tokens' vectors differ most. The first three, as red, green and "
    + "blue, paint tokens with like vectors in like colors; the colors themselves mean nothing."],
  lens: ["pixel lens", "What the model would answer if it stopped after a block: later blocks are skipped, and the decoder works with what is "
    + "there. A pixel is decided where its class is the last one and stays."],
  patching: ["patching", "What a head gives in one picture is put into the run of another, and everything after it runs again. If the answer "
    + "changes, that head carried what tells the two pictures apart."],
  trust: ["trust", "An explanation deserves it if taking away what it calls important makes the class less likely sooner than taking "
    + "away pieces at random (deletion), and showing it first makes it likely sooner (insertion)."],
  logit: ["logit", "A class's score for a pixel, before all scores are turned into probabilities. The largest wins."],
  lateral: ["lateral", "A 1 × 1 convolution that brings a stage's map to the width of the decoder."],
  pooling: ["pyramid pooling", "Averages of the last map over the whole picture and over grids of 2 × 2, 3 × 3 and 6 × 6 fields: "
    + "a look at the whole scene."],
  fusion: ["fusion", "All levels, brought to one size, go through one convolution; then the classifier scores each class."],
};

/** A word that opens its definition. @param {TermName} name @param {string} text by default the term itself */
export const term = (name, text = DEFINITIONS[name][0]) => make("button", { type: "button", class: "swv-term", "data-term": name }, text);

/**
 * A sentence in which {name} or {name|other words} stands for a term.
 * @param {string} sentence @returns {(Node | string)[]}
 */
export function rich(sentence) {
  return sentence.split(/\{([^}]*)\}/).map((part, index) => {
    if (index % 2 === 0) return part;
    const [name, text] = part.split("|");
    return term(/** @type {TermName} */ (name), text);
  });
}

/** All definitions. */
export const makeDefinitions = () => make("dl", { class: "swv-definitions" },
  Object.values(DEFINITIONS).flatMap(([name, meaning]) => [make("dt", {}, name), make("dd", {}, meaning)]));

/** Put an element in the top layer, above everything that a host draws; where there is none, it stays in the page.
 * @param {HTMLElement} element @param {boolean} open */
export function raise(element, open) {
  element.hidden = !open;
  if (!element.isConnected || !element.showPopover || element.matches(":popover-open") === open) return;
  if (open) element.showPopover();
  else element.hidePopover();
}

/** Place a box beside another: below it, or above it where there is no room. @param {HTMLElement} box @param {DOMRect} near */
export function placeBeside(box, near) {
  const { offsetWidth: width, offsetHeight: height } = box;
  const below = near.bottom + 8 + height <= window.innerHeight || near.top < height + 8;
  box.style.left = `${Math.max(8, Math.min(window.innerWidth - width - 8, near.left))}px`;
  box.style.top = `${below ? Math.min(near.bottom + 8, window.innerHeight - height - 8) : near.top - height - 8}px`;
}

/** Open definitions in a viewer. @param {HTMLElement} root */
export function listenToTerms(root) {
  const id = `swv-definition-${Math.random().toString(36).slice(2)}`;
  const tip = make("div", { class: "swv-definition", role: "tooltip", id, popover: "manual", hidden: true });
  root.append(tip);
  /** @type {HTMLElement | null} */
  let shown = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let leaving;
  const close = () => {
    clearTimeout(leaving);
    shown?.removeAttribute("aria-describedby");
    shown = null;
    raise(tip, false);
  };
  /** @param {HTMLElement} element */
  const open = (element) => {
    clearTimeout(leaving);
    if (shown === element) return;
    close();
    shown = element;
    const [name, meaning] = DEFINITIONS[/** @type {TermName} */ (element.dataset.term)];
    tip.replaceChildren(make("strong", {}, name), ` ${meaning}`);
    element.setAttribute("aria-describedby", id);
    raise(tip, true);
    placeBeside(tip, element.getBoundingClientRect());
  };
  const leave = () => { clearTimeout(leaving); leaving = setTimeout(close, 200); }; // time to reach the definition
  /** @param {Event} event */
  const termOf = ({ target }) => (target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest(".swv-term")) : null);
  for (const name of ["pointerover", "focusin", "click"]) {
    root.addEventListener(name, (event) => {
      const element = termOf(event);
      if (element) open(element);
      else if (tip.contains(/** @type {Node} */ (event.target))) clearTimeout(leaving);
      else if (shown && name !== "focusin") leave();
    });
  }
  root.addEventListener("pointerleave", () => shown && leave());
  root.addEventListener("focusout", (event) => { if (termOf(event)) close(); });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !shown) return;
    event.stopImmediatePropagation(); // the definition closes, and nothing else
    close();
  });
  window.addEventListener("scroll", close, true);
  return { close: () => window.removeEventListener("scroll", close, true) };
}
