/** Pictures to keep: what a canvas shows, with its legend below. */

/** @import {Rgb} from "./canvas.js" */
import { offscreen, percent, rgb } from "./canvas.js";
import { UNSURE, UNSURE_COLOR } from "./labels.js";

const ROW = 24, COLUMN = 190, MARGIN = 12;

/**
 * @param {HTMLCanvasElement} shown @param {Rgb[]} palette
 * @param {{index: number, share: number, name: string}[]} rows @param {Set<number>} dotted
 * @returns {Promise<Blob>} a PNG
 */
export async function withLegend(shown, palette, rows, dotted) {
  const width = Math.max(shown.width, COLUMN + 2 * MARGIN);
  const columns = Math.max(1, Math.floor((width - 2 * MARGIN) / COLUMN));
  const lines = Math.ceil(rows.length / columns);
  const { canvas, context } = offscreen(width, shown.height + lines * ROW + 2 * MARGIN);
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(shown, 0, 0);
  context.font = "14px sans-serif";
  context.textBaseline = "middle";
  rows.forEach(({ index, share, name }, place) => {
    const x = MARGIN + (place % columns) * COLUMN, y = shown.height + MARGIN + Math.floor(place / columns) * ROW;
    context.fillStyle = rgb(index === UNSURE ? UNSURE_COLOR : palette[index]);
    context.fillRect(x, y + 4, 16, 16);
    context.fillStyle = index === UNSURE ? "white" : "rgb(0 0 0 / .55)";
    if (index === UNSURE) for (let line = 0; line < 16; line += 8) context.fillRect(x, y + 8 + line, 16, 3);
    if (dotted.has(index)) for (let dot = 0; dot < 9; dot++) context.fillRect(x + 2 + 5 * (dot % 3), y + 6 + 5 * Math.floor(dot / 3), 2, 2);
    context.fillStyle = "black";
    context.fillText(`${name} ${percent(share)}`, x + 22, y + ROW / 2, COLUMN - 30);
  });
  return canvas.convertToBlob({ type: "image/png" });
}
