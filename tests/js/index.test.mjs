// The viewer's index mathematics against arrays that Python wrote (tests/explorer/test_explorer.py runs this file with
// node --test and names the folder of arrays in SWINVIZ_FIXTURES).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { decompose } from "../../swinviz/explorer/static/decompose.js";
import {
  locate, locationOf, makeGeometry, rectangles, regionAt, tokenAt, tokenIndex, tokenWeights,
} from "../../swinviz/explorer/static/geometry.js";
import { attentionOf, classShares, crossRegionShare, eachToken, statisticOf } from "../../swinviz/explorer/static/rows.js";
import { unpack } from "../../swinviz/explorer/static/wire_format.js";

const folder = process.env.SWINVIZ_FIXTURES;
const read = (name) => unpack(new Uint8Array(readFileSync(`${folder}/${name}`)));
const close = (actual, expected, tolerance, what) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} instead of ${expected}`);

const { header: { cases, decompositions } } = read("cases.bin");

for (const name of cases) {
  const { header, arrays } = read(`${name}.bin`);
  const geometry = makeGeometry(header.geometry);
  const locations = Array.from({ length: geometry.numWindows * geometry.windowArea }, (_, at) => [Math.floor(at / geometry.windowArea), at % geometry.windowArea]);

  test(`${name}: windows, tokens and regions are WindowGeometry's`, () => {
    assert.equal(geometry.numWindows, header.windows);
    assert.deepEqual(locations.map(([window, position]) => tokenIndex(geometry, window, position)), [...arrays.tokens.data]);
    assert.deepEqual(locations.map(([window, position]) => regionAt(geometry, window, position)), [...arrays.regions.data]);
  });

  test(`${name}: a location is found again from its row and column, padding too`, () => {
    for (const [window, position] of locations) {
      const { row, column } = tokenAt(geometry, window, position);
      assert.deepEqual(locationOf(geometry, row, column), { window, position });
    }
  });

  test(`${name}: rectangles are WindowGeometry's`, () => {
    for (let window = 0; window < geometry.numWindows; window++) {
      const found = rectangles(geometry, window).map(({ top, left, bottom, right }) => [top, left, bottom, right]);
      assert.deepEqual(found, header.rectangles[window]);
    }
  });

  test(`${name}: every pixel is located as WindowGeometry does`, () => {
    const [height, width] = header.size;
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at += 2) {
        assert.deepEqual(locate(geometry, y, x), { window: arrays.located.data[at], position: arrays.located.data[at + 1] });
      }
    }
    assert.equal(locate(geometry, geometry.height * geometry.stride, 0), null);
    assert.equal(locate(geometry, 0, -1), null);
  });

  const block = { ...arrays, heads: header.heads, geometry };

  for (const [number, asked] of header.questions.entries()) {
    test(`${name}: question ${number} (${asked.direction}, head ${asked.head}) is answered as attention_to_image does`, () => {
      const [top, left, bottom, right] = asked.box;
      const weights = tokenWeights(geometry, { top, left, bottom, right }, header.size);
      close(weights.reduce((sum, { weight }) => sum + weight, 0), 1, 1e-9, "weights sum to one");
      const shares = attentionOf(block, weights, asked.head, asked.direction);
      const map = new Float64Array(geometry.paddedHeight * geometry.paddedWidth);
      eachToken(geometry, shares, ({ row, column, value }) => { map[row * geometry.paddedWidth + column] += value; });
      const expected = arrays[`map${number}`].data;
      // A byte a value: off by at most 1/510 of the row's peak, which is at most 1.
      map.forEach((value, at) => close(value, expected[at], asked.tolerance, `token ${at}`));
      if (asked.direction === "key") return;
      const { byClass, padding } = classShares(geometry, shares, arrays.labels.data, header.size, header.classes);
      byClass.forEach((share, index) => close(share, asked.byClass[index], 49 * asked.tolerance, `class ${index}`));
      close(padding, asked.padding, 49 * asked.tolerance, "padding");
      close(crossRegionShare(block, weights, asked.head), asked.across, 49 * asked.tolerance, "across regions");
      close(statisticOf(block, "entropy", weights, asked.head), asked.entropy, 1e-3, "entropy");
      close(statisticOf(block, "distance", weights, asked.head), asked.distance, 1e-2, "distance");
    });
  }
}

for (const [stage, block, y, x] of decompositions) {
  test(`stage ${stage}, block ${block}, pixel ${y}, ${x}: a file's decomposition is Python's`, () => {
    const { header: { geometry: fields }, arrays: { bias } } = read(`block-${stage}-${block}.bin`);
    const { header: { span, divergence }, arrays: { levels } } = read(`content-${stage}-${block}.bin`);
    const { header, arrays } = read(`decomposition-${stage}-${block}-${y}-${x}.bin`);
    const geometry = makeGeometry(fields);
    const location = locate(geometry, y, x);
    assert.deepEqual([location.window, location.position, divergence], [header.window, header.query, header.divergence]);
    const found = decompose(levels, span, bias.data, geometry.windowSize, location);
    for (const part of ["content", "position", "unmasked"]) {
      assert.equal(found[part].length, arrays[part].data.length);
      // A byte a logarithm: each power and their sum are off by a factor of at most exp(span / 510), and
      // nothing is below exp(-span), 6 in a million of the largest, which the bias may raise.
      const tolerance = part === "position" ? 1e-5 : 2 * (Math.exp(span / 510) - 1);
      found[part].forEach((value, at) => close(value, arrays[part].data[at], tolerance * arrays[part].data[at] + 1e-4, `${part} ${at}`));
    }
  });
}
