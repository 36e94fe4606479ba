// Sums over stored rows, at the picture's borders: numbers worked out by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { makeGeometry } from "../../swinviz/explorer/static/geometry.js";
import { classShares } from "../../swinviz/explorer/static/rows.js";

const geometry = makeGeometry({ height: 3, width: 3, window_size: 4, shift_size: 0, stride: 4 });
const [height, width] = [10, 10]; // the last token of each row and column has two pixels, not four

/** All attention on the token at a row and column. */
function allOn(row, column) {
  const values = new Float32Array(16);
  values[row * 4 + column] = 1;
  return new Map([[0, values]]);
}

test("a token at the right border counts for the pixels before it and none of the next row", () => {
  const labels = Uint8Array.from({ length: height * width }, (_, at) => (at % width < 2 ? 1 : at % width === 9 ? 2 : 0));
  assert.deepEqual(classShares(geometry, allOn(0, 2), labels, [height, width], 3), { byClass: Float64Array.of(0.5, 0, 0.5), padding: 0 });
});

test("a token at the lower border counts for the pixels above it", () => {
  const labels = Uint8Array.from({ length: height * width }, (_, at) => (at >= 9 * width ? 1 : 0));
  assert.deepEqual(classShares(geometry, allOn(2, 0), labels, [height, width], 2), { byClass: Float64Array.of(0.5, 0.5), padding: 0 });
  assert.deepEqual(classShares(geometry, allOn(2, 2), labels, [height, width], 2), { byClass: Float64Array.of(0.5, 0.5), padding: 0 });
});

test("attention on padding is no class's", () => {
  for (const [row, column] of [[0, 3], [3, 0], [3, 3]]) {
    const { byClass, padding } = classShares(geometry, allOn(row, column), new Uint8Array(height * width), [height, width], 2);
    assert.deepEqual([...byClass, padding], [0, 0, 1]);
  }
});
