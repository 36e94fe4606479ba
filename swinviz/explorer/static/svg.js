/** A saved picture: its caption, and the SVG. */

/**
 * @import {Shapes} from "./shapes.js"
 * @import {Similarity} from "./similarity.js"
 * @import {Colors} from "./theme.js"
 */

import { QUERY_COLOR } from "./colors.js";

/** Layout of a saved picture's caption: lines broken between its parts where they would not fit.
 * @param {string[]} parts @param {number} width */
export function captionLayout(parts, width) {
  const size = Math.max(11, Math.round(width / 48)), letters = width / (0.58 * size);
  /** @type {string[]} */
  const lines = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last && last.length + part.length + 2 <= letters) lines[lines.length - 1] = `${last}, ${part}`;
    else lines.push(part);
  }
  return { size, lines, height: (1.5 * lines.length + 1) * size };
}

/** Where a caption's line begins, below a picture of this height: x, y of its base line.
 * @param {number} index @param {number} height @param {number} size @returns {[number, number]} */
export const lineAt = (index, height, size) => [0.5 * size, height + (1.5 * index + 1.5) * size];

/**
 * The picture as an SVG: the photograph as pixels, everything above it as shapes.
 * @param {{width: number, height: number, picture: string, shapes: Shapes, heat: number, caption: string[],
 *   colors: Pick<Colors, "page" | "veil" | "text">, map: (Similarity & {href: string, scale: number}) | null}} saved
 *   `picture` is a data: address, and so is the map of what looks like the query, a pixel a token
 */
export function svgOf({ width, height, picture, map, shapes, heat, caption, colors }) {
  const { size, lines: words, height: below } = captionLayout(caption, width);
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
    "</g>",
    "</svg>",
  ].join("\n");
}
