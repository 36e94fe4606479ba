/** A saved picture: its caption and legend, and the SVG. */

/**
 * @import {Shapes} from "./shapes.js"
 * @import {Similarity} from "./similarity.js"
 * @import {Colors} from "./theme.js"
 * @import {View} from "./view.js"
 * @typedef {{text: string, color: string}} LegendRow
 */

import { QUERY_COLOR, css } from "./colors.js";
import { formatShare } from "./labels.js";

const LEAST = 0.005, MOST = 12; // smallest share, and number, of the classes in a legend

/** Classes whose colors lie over the picture, the largest first, with their shares; after edits both shares.
 * @param {Pick<View, "state" | "before" | "after" | "segmented" | "manifest">} view @returns {LegendRow[]} */
export function legendOf({ state, before, after, segmented, manifest: { classes, palette } }) {
  if (!state.segmentation) return [];
  const sides = before && after ? [before, after] : segmented ? [segmented] : [];
  const shares = sides.map(({ labels }) => {
    const counts = new Float64Array(classes.length);
    for (const label of labels) counts[label] += 1 / labels.length;
    return counts;
  });
  const rows = classes.map((name, index) => ({ name, index, shares: shares.map((each) => each[index]) }));
  const largest = (/** @type {{shares: number[]}} */ row) => Math.max(0, ...row.shares);
  return rows.filter((row) => largest(row) >= LEAST).sort((a, b) => largest(b) - largest(a)).slice(0, MOST)
    .map(({ name, index, shares: each }) => ({ text: `${name} ${each.map(formatShare).join(" → ")}`, color: css(palette[index]) }));
}

/** Layout of a saved picture's caption, whose lines are broken between its parts where they would not fit, and of the
 * legend below it: `boxes` are squares of a letter's size, a text beside each.
 * @param {string[]} parts @param {number} width @param {LegendRow[]} legend */
export function captionLayout(parts, width, legend = []) {
  const size = Math.max(11, Math.round(width / 48)), letters = width / (0.58 * size);
  /** @type {string[]} */
  const lines = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last && last.length + part.length + 2 <= letters) lines[lines.length - 1] = `${last}, ${part}`;
    else lines.push(part);
  }
  const columns = Math.max(1, Math.floor(width / (17 * size))), below = (1.5 * lines.length + 1) * size;
  const boxes = legend.map(({ text, color }, index) => ({
    text, color, x: (0.5 + (index % columns) * (width / size / columns)) * size, y: below + 1.5 * Math.floor(index / columns) * size,
  }));
  return { size, lines, boxes, height: below + (boxes.length ? 1.5 * Math.ceil(boxes.length / columns) + 0.5 : 0) * size };
}

/** Where a caption's line begins, below a picture of this height: x, y of its base line.
 * @param {number} index @param {number} height @param {number} size @returns {[number, number]} */
export const lineAt = (index, height, size) => [0.5 * size, height + (1.5 * index + 1.5) * size];

/**
 * The picture as an SVG: the photograph as pixels, everything above it as shapes.
 * @param {{width: number, height: number, picture: string, shapes: Shapes, heat: number, caption: string[], legend?: LegendRow[],
 *   colors: Pick<Colors, "page" | "veil" | "text">, map: (Similarity & {href: string, scale: number}) | null}} saved
 *   `picture` is a data: address, and so is the map of what looks like the query, a pixel a token
 */
export function svgOf({ width, height, picture, map, shapes, heat, caption, colors, legend = [] }) {
  const { size, lines: words, boxes, height: below } = captionLayout(caption, width, legend);
  /** @param {number[]} rectangle */
  const box = ([x, y, w, h]) => `x="${x}" y="${y}" width="${w}" height="${h}"`;
  /** @param {string} text */
  const escape = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  const outlines = [...(shapes.spread ? [] : shapes.boxes), shapes.target].flatMap((each) => [
    `<rect ${box(each)} fill="none" stroke="#000" stroke-opacity="0.55" stroke-width="4"/>`,
    `<rect ${box(each)} fill="none" stroke="#fff" stroke-width="2"/>`,
  ]);
  const hole = shapes.boxes.map(([x, y, w, h]) => `M${x} ${y}h${w}v${h}h${-w}z`).join("");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height + below}">`,
    `<title>${escape(caption.join(", "))}</title>`,
    `<rect width="${width}" height="${height + below}" fill="${colors.page}"/>`,
    `<image width="${width}" height="${height}" href="${picture}"/>`,
    map ? `<image width="${map.width * map.stride * map.scale}" height="${map.height * map.stride * map.scale}" opacity="${heat}" `
      + `preserveAspectRatio="none" style="image-rendering: pixelated" href="${map.href}"/>` : "",
    shapes.spread ? "" : `<path d="M0 0h${width}v${height}h${-width}z${hole}" fill="${colors.veil}" fill-rule="evenodd"/>`,
    `<g fill-opacity="${heat}" shape-rendering="crispEdges">`,
    ...shapes.tokens.map(({ box: each, color }) => `<rect ${box(each)} fill="${color}"/>`),
    "</g>",
    ...outlines,
    shapes.ring ? `<circle cx="${shapes.ring.x}" cy="${shapes.ring.y}" r="${Math.max(13, shapes.ring.radius)}" fill="none" `
      + `stroke="${QUERY_COLOR}" stroke-width="2.5"/>` : "",
    `<g font-family="system-ui, sans-serif" font-size="${size}" fill="${colors.text}">`,
    ...words.map((line, index) => {
      const [x, y] = lineAt(index, height, size);
      return `<text x="${x}" y="${y}">${escape(line)}</text>`;
    }),
    ...boxes.flatMap(({ x, y, text, color }) => [
      `<rect x="${x}" y="${height + y}" width="${size}" height="${size}" fill="${color}" stroke="#000" stroke-opacity="0.3"/>`,
      `<text x="${x + 1.4 * size}" y="${height + y + 0.9 * size}">${escape(text)}</text>`,
    ]),
    "</g>",
    "</svg>",
  ].join("\n");
}
