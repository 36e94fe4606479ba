/** Trust: deletion and insertion curves of explanations of the clicked place, beside random orders. */

/**
 * @import {Actions} from "../actions.js"
 * @import {Manifest, View} from "../view.js"
 * @import {Message} from "../wire_format.js"
 * @typedef {"deletion" | "insertion"} Measure
 */

import { make } from "../dom.js";
import { rich } from "../glossary.js";
import { blockName } from "../labels.js";
import { makeMeasuring } from "./measuring.js";

/** Okabe and Ito's colors, told apart by color-blind eyes; dashes tell them apart in gray. */
const LINES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7a5195"];
const CHART = { width: 280, height: 160, left: 26, bottom: 18 };

/** @type {Record<Measure, string>} */
const TRUST_NAMES = {
  deletion: "deletion: the most important is made gray first; lower is better",
  insertion: "insertion: the most important is shown first; higher is better",
};

/** @param {string} tag @param {Record<string, string | number>} attributes @param {...(Node | string)} children */
function svgNode(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** @param {number} index */
const lineStyle = (index) => ({ fill: "none", stroke: LINES[index % LINES.length], "stroke-width": 2, "stroke-dasharray": ["none", "6 3", "2 3"][index % 3] });

/** @param {number[]} values */
const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** @param {Message[]} answers @param {Measure} measure @param {string} name of the class */
function makeChart(answers, measure, name) {
  const { width, height, left, bottom } = CHART;
  /** @type {number[]} */
  const fractions = answers[0].header.fractions;
  const top = Math.max(...answers.flatMap(({ header: { curves, random } }) => [...curves[measure], ...random[measure]]), 1e-6) * 1.05;
  /** @param {number} share @param {number} value */
  const point = (share, value) => `${(left + share * (width - left)).toFixed(1)},${((height - bottom) * (1 - value / top)).toFixed(1)}`;
  /** @param {number[]} curve */
  const path = (curve) => curve.map((value, step) => point(fractions[step], value)).join(" ");
  const chance = fractions.map((_, step) => answers.map(({ header }) => /** @type {number} */ (header.random[measure][step])));
  const low = chance.map((each) => Math.min(...each)), high = chance.map((each) => Math.max(...each));
  const ticks = [0, top / 1.05].flatMap((value) => {
    const y = point(0, value).split(",")[1];
    return [svgNode("line", { x1: left, x2: width, y1: y, y2: y, class: "swv-axis" }),
      svgNode("text", { x: left - 4, y: Number(y) + 3, "text-anchor": "end" }, value.toFixed(2))];
  });
  const label = `Probability of ${name} over the share of cells, ${TRUST_NAMES[measure]}`;
  const chart = svgNode("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...ticks,
    svgNode("polygon", { points: `${path(low)} ${path(high).split(" ").reverse().join(" ")}`, class: "swv-chance" }),
    svgNode("polyline", { points: path(chance.map(meanOf)), fill: "none", class: "swv-random" }),
    ...answers.map(({ header }, index) => svgNode("polyline", { points: path(header.curves[measure]), "data-name": header.explanation, ...lineStyle(index) })),
    svgNode("text", { x: left, y: height - 4 }, "0 % of the cells"),
    svgNode("text", { x: width, y: height - 4, "text-anchor": "end" }, "100 %"));
  return make("figure", {}, chart, make("figcaption", {}, TRUST_NAMES[measure]));
}

/** Means over the fractions, the best first. @param {Message[]} answers */
function makeScores(answers) {
  /** @param {"curves" | "random"} by @param {Measure} measure */
  const means = (by, measure) => answers.map(({ header }) => meanOf(header[by][measure]));
  const deletion = means("curves", "deletion"), insertion = means("curves", "insertion");
  const rows = answers.map(({ header }, index) => ({ name: header.explanation, index, deletion: deletion[index], insertion: insertion[index] }));
  rows.sort((one, other) => (other.insertion - other.deletion) - (one.insertion - one.deletion));
  /** @param {string} name @param {Node | string} key @param {{deletion: number, insertion: number}} scores */
  const row = (name, key, scores) => make("tr", {}, make("th", { scope: "row" }, key, name),
    make("td", {}, scores.deletion.toFixed(3)), make("td", {}, scores.insertion.toFixed(3)));
  const random = { deletion: meanOf(means("random", "deletion")), insertion: meanOf(means("random", "insertion")) };
  return [
    make("thead", {}, make("tr", {}, ["explanation, best first", "deletion ↓", "insertion ↑"].map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, rows.map((each) => row(each.name,
      svgNode("svg", { viewBox: "0 0 26 8", "aria-hidden": "true" }, svgNode("line", { x1: 0, x2: 26, y1: 4, y2: 4, ...lineStyle(each.index) })), each)),
    row(`mean of ${answers.length} random orders (gray)`, "", random)),
  ];
}

/** @param {Manifest} manifest @param {Actions} actions */
export function makeTrust({ classes, picture, title }, actions) {
  const measuring = makeMeasuring("trust", actions, "explanations that are measured");
  const finding = make("p", { class: "swv-finding" }), charts = make("div", { class: "swv-charts" }), scores = make("table", { class: "swv-trust" });
  let shown = "";
  return {
    elements: [make("h2", {}, rich("{trust|Trust}: which explanation finds what the model needs here?")), ...measuring.elements, finding, charts, scores],
    /** @param {View} view */
    show(view) {
      const { trust: job, state, chosen } = view, answers = job?.answers ?? [];
      measuring.show(job, null, "explanations");
      const key = `${job?.key} ${answers.length}`;
      if (shown === key) return;
      shown = key;
      charts.hidden = scores.hidden = !answers.length;
      if (!answers.length) { finding.textContent = ""; return; }
      const { class_index: index, probability, cell } = answers[0].header;
      const place = state.region ? `region [${state.region.join(", ")}]` : `pixel (y ${state.y}, x ${state.x})`;
      finding.textContent = `Probability of ${classes[index]} at ${place} of ${picture || title}: ${probability.toFixed(2)} in the whole picture `
        + `(softmax of the place's mean logits). Attention, values and similarity of ${blockName(chosen)}, mean of all heads; cells of ${cell} × ${cell} px.`;
      charts.replaceChildren(makeChart(answers, "deletion", classes[index]), makeChart(answers, "insertion", classes[index]));
      scores.replaceChildren(...makeScores(answers));
    },
  };
}
