/** Looks at and looks like, side by side; and what looks like the query in a second picture. */

/**
 * @import {Actions} from "../actions.js"
 * @import {Similarity} from "../similarity.js"
 * @import {Manifest, View} from "../view.js"
 */

import { button, contextOf, make, note } from "../dom.js";
import { drawComponents, drawSimilarity } from "../feature_painting.js";
import { locationOf } from "../geometry.js";
import { rich } from "../glossary.js";
import { blockName, headName } from "../labels.js";
import { markQuery, pixelDensity } from "../painting.js";
import { attentionShapes, queryBox, toDevice } from "../shapes.js";
import { mostSimilar } from "../similarity.js";

const FIGURE_WIDTH = 300, FIGURE_HEIGHT = 230; // CSS pixels of a picture, at most; explorer.css shrinks it to its column

/** A picture with what is drawn on it, and words below. @param {string} name until it is drawn */
function makeFigure(name) {
  const canvas = make("canvas", { role: "img", "aria-label": name });
  const caption = make("figcaption");
  const element = make("figure", {}, canvas, caption);
  return {
    element,
    /** @param {CanvasImageSource} image @param {number[]} size [height, width] in input pixels
     * @param {string} text @param {(context: CanvasRenderingContext2D, scale: number) => void} draw */
    show(image, [height, width], text, draw) {
      const scale = Math.min(FIGURE_WIDTH / width, FIGURE_HEIGHT / height) * pixelDensity();
      const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
      if (canvas.width !== w || canvas.height !== h) {
        [canvas.width, canvas.height] = [w, h];
        canvas.style.setProperty("--swv-wide", `${w / pixelDensity()}px`);
      }
      const context = contextOf(canvas);
      context.globalAlpha = 1;
      context.imageSmoothingEnabled = true;
      context.drawImage(image, 0, 0, w, h);
      context.imageSmoothingEnabled = false;
      draw(context, scale);
      caption.textContent = text;
      canvas.setAttribute("aria-label", text);
    },
  };
}

/** @param {CanvasRenderingContext2D} context @param {View} view @param {number} scale */
function mark(context, view, scale) {
  const [top, left, bottom, right] = view.state.region ?? queryBox(view);
  const target = toDevice(scale, top, left, bottom, right);
  const ring = view.state.region ? null : { x: target[0] + target[2] / 2, y: target[1] + target[3] / 2, radius: 0.72 * target[2] };
  markQuery(context, { target, ring }, true);
}

/** The most similar token beyond the query's windows, which no attention of this block reaches. @param {View} view */
function beyondText({ similarity, geometry, weights, chosen, segmented, manifest: { classes, size } }) {
  if (!similarity || "error" in similarity) return similarity?.error ?? "asking for the block's vectors …";
  const windows = new Set(weights.map(({ window }) => window));
  const best = mostSimilar(similarity, (row, column) => !windows.has(locationOf(geometry, row, column).window));
  if (!best) return "The window is the whole picture.";
  const what = segmented ? ` on ${classes[segmented.labels[Math.min(best.y, size[0] - 1) * size[1] + Math.min(best.x, size[1] - 1)]]}` : "";
  return `Beyond its window, which attention of ${blockName(chosen)} cannot reach, the token most like it is at (y ${best.y}, x ${best.x})${what}: `
    + `cosine ${best.cosine.toFixed(2)}.`;
}

/** @param {Manifest} manifest @param {Actions} actions @param {HTMLCanvasElement} image */
export function makeAlike(manifest, actions, image) {
  const [at, like, other, there] = ["looks at", "looks like", "second picture", "looks like, in the second picture"].map(makeFigure);
  const beyond = note(), named = make("span"), said = make("p", { class: "swv-note", role: "status" });
  const file = make("input", {
    type: "file", accept: "image/*", hidden: true, "aria-label": "Second picture",
    onchange: () => { if (file.files?.[0]) actions.openSecond(file.files[0]); file.value = ""; },
  });
  const choose = button("Choose a second picture", () => file.click());
  const second = make("div", { class: "swv-alike", hidden: true }, other.element, there.element);
  /** @param {View} view */
  function showSecond(view) {
    const { second: picture, elsewhere, state, components, chosen } = view;
    second.hidden = !picture?.image;
    choose.textContent = picture ? "Choose another picture" : "Choose a second picture";
    const best = elsewhere && !("error" in elsewhere) ? mostSimilar(elsewhere) : null;
    said.textContent = !picture ? "Or drop one here. It is compared in the same block, with the same vector taken off."
      : picture.error ? `${picture.name}: ${picture.error}`
        : elsewhere && "error" in elsewhere ? elsewhere.error
          : !best ? `looking into ${picture.name} …`
            : `In ${picture.name} the most alike token is at (y ${best.y}, x ${best.x}): cosine ${best.cosine.toFixed(2)}.`;
    if (!picture?.image) return;
    const colors = state.layers.includes("components") ? components?.arrays?.second : null;
    const title = colors ? `${picture.name}: PCA colors of ${blockName(chosen)}, one projection for both` : picture.name;
    other.show(picture.image, picture.size, title, (context, scale) => {
      if (colors) drawComponents(context, colors, chosen.geometry.stride, scale);
      if (best) {
        const { stride } = /** @type {Similarity} */ (elsewhere);
        const target = toDevice(scale, best.row * stride, best.column * stride, (best.row + 1) * stride, (best.column + 1) * stride);
        markQuery(context, { target, ring: { x: target[0] + target[2] / 2, y: target[1] + target[3] / 2, radius: 0.72 * target[2] } }, false);
      }
    });
    there.show(picture.image, picture.size, `looks like, in ${picture.name}: cosine, ${blockName(chosen)}`, (context, scale) => {
      if (best) drawSimilarity(context, /** @type {Similarity} */ (elsewhere), scale, state.heat);
    });
  }
  return {
    elements: [
      make("h2", {}, "Looks at, looks like", named),
      make("div", { class: "swv-alike" }, at.element, like.element), beyond,
      make("p", { class: "swv-note" }, rich("Looks like: the {cosine} between the query's vector and each token's after this block, the mean vector "
        + "of the picture taken off; all heads, from 0 (or below) to 1.")),
      make("h2", {}, "In a second picture"),
      manifest.offline ? note("A second picture needs Python: this file has none behind it.") : make("div", { class: "swv-controls" }, choose, file),
      ...(manifest.offline ? [] : [said]), second,
    ],
    /** @param {View} view */
    show(view) {
      const { state, chosen, similarity } = view;
      named.textContent = `: ${blockName(chosen)}${view.edited ? ", edited" : ""}`;
      const what = state.direction === "key" ? "who looks at it" : "looks at";
      at.show(image, manifest.size, `${what}: ${headName(state.head, chosen.heads)}`, (context, scale) => {
        context.globalAlpha = state.heat;
        for (const { box, color } of attentionShapes(view, scale).tokens) {
          context.fillStyle = color;
          context.fillRect(...box);
        }
        context.globalAlpha = 1;
        mark(context, view, scale);
      });
      like.show(image, manifest.size, "looks like: cosine, all heads", (context, scale) => {
        if (similarity && !("error" in similarity)) drawSimilarity(context, similarity, scale, state.heat);
        mark(context, view, scale);
      });
      beyond.textContent = beyondText(view);
      if (!manifest.offline) showSecond(view);
    },
  };
}
