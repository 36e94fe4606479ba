/** Controls above a picture: sliders, tick boxes, menus, buttons. Each names itself to screen readers. */
import { make } from "./canvas.js";

/**
 * @param {string} text @param {number} value 0..100 @param {(value: number) => void} oninput
 * @param {{show?: (value: number) => string}} options text beside the slider
 */
export function slider(text, value, oninput, { show } = {}) {
  const input = make("input", { type: "range", min: 0, max: 100, value, "aria-label": text });
  const readout = make("span", { class: "sv-readout" });
  const element = make("label", { class: "sv-slider" }, make("span", {}, text), input, ...(show ? [readout] : []));
  const update = () => { if (show) readout.textContent = show(Number(input.value)); };
  input.addEventListener("input", () => { update(); oninput(Number(input.value)); });
  update();
  return {
    element, input,
    /** @param {number} now */
    set(now) { input.value = String(now); update(); },
  };
}

/** @param {string} text @param {boolean} checked @param {(checked: boolean) => void} onchange */
export function tickBox(text, checked, onchange) {
  const input = make("input", { type: "checkbox", class: "sv-box" });
  input.checked = checked;
  input.addEventListener("change", () => onchange(input.checked));
  return { element: make("label", { class: "sv-slider" }, input, make("span", {}, text)), input };
}

/** @typedef {[value: string | number, text: string | number]} Option */

/** @param {string} text @param {Option[]} options @param {() => void} onchange */
export function menu(text, options, onchange) {
  const input = make("select", { class: "sv-select", "aria-label": text });
  input.addEventListener("change", onchange);
  /** @param {Option[]} now */
  const fill = (now) => {
    const before = input.value;
    input.replaceChildren(...now.map(([value, shown]) => make("option", { value }, String(shown))));
    if (now.some(([value]) => String(value) === before)) input.value = before;
  };
  fill(options);
  return { element: make("label", { class: "sv-slider" }, make("span", {}, text), input), input, fill };
}

/** @param {string} text @param {() => void} onclick @param {Record<string, any>} attributes */
export const button = (text, onclick, { class: kind = "", ...attributes } = {}) =>
  make("button", { type: "button", class: `sv-button ${kind}`, onclick, ...attributes }, text);
