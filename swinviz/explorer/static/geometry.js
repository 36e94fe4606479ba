/** Window layout by indices alone; mirrors swinviz/model/geometry.py, and tests hold the two equal. */

/**
 * @typedef {{height: number, width: number, window_size: number, shift_size: number, stride: number}} GeometryFields
 *   as Python's WindowGeometry names them
 * @typedef {ReturnType<typeof makeGeometry>} Geometry
 * @typedef {{top: number, left: number, bottom: number, right: number}} Box input pixels, half open
 * @typedef {{window: number, position: number}} Location a window, and a token's position inside it
 * @typedef {Location & {row: number, column: number, weight: number}} TokenWeight
 * @typedef {{rows: number[], columns: number[]}} Borders
 */

/**
 * Geometry of one block from the fields of Python's WindowGeometry, with its derived sizes.
 * @param {GeometryFields} fields
 */
export function makeGeometry({ height, width, window_size: windowSize, shift_size: shiftSize, stride }) {
  const paddedHeight = Math.ceil(height / windowSize) * windowSize;
  const paddedWidth = Math.ceil(width / windowSize) * windowSize;
  const columns = paddedWidth / windowSize;
  const numWindows = (paddedHeight / windowSize) * columns;
  return {
    height, width, windowSize, shiftSize, stride, paddedHeight, paddedWidth, columns, numWindows,
    windowArea: windowSize * windowSize,
  };
}

/**
 * Location of the token at a row and column of the padded map.
 * @param {Geometry} geometry @param {number} row @param {number} column @returns {Location}
 */
export function locationOf({ windowSize, shiftSize, paddedHeight, paddedWidth, columns }, row, column) {
  const down = (row - shiftSize + paddedHeight) % paddedHeight;
  const right = (column - shiftSize + paddedWidth) % paddedWidth;
  return {
    window: Math.floor(down / windowSize) * columns + Math.floor(right / windowSize),
    position: (down % windowSize) * windowSize + (right % windowSize),
  };
}

/**
 * Location of the token that covers input pixel (y, x), or null outside the map.
 * @param {Geometry} geometry @param {number} y @param {number} x
 */
export function locate(geometry, y, x) {
  const row = Math.floor(y / geometry.stride), column = Math.floor(x / geometry.stride);
  if (row < 0 || column < 0 || row >= geometry.height || column >= geometry.width) return null;
  return locationOf(geometry, row, column);
}

/**
 * Row and column of a position on the map as the windows see it: rolled by the shift.
 * @param {Geometry} geometry @param {number} window @param {number} position
 */
function rolledToken({ windowSize, columns }, window, position) {
  return {
    down: Math.floor(window / columns) * windowSize + Math.floor(position / windowSize),
    right: (window % columns) * windowSize + (position % windowSize),
  };
}

/**
 * Row and column on the padded map, the shift undone, of a position in a window.
 * @param {Geometry} geometry @param {number} window @param {number} position
 */
export function tokenAt(geometry, window, position) {
  const { shiftSize, paddedHeight, paddedWidth } = geometry;
  const { down, right } = rolledToken(geometry, window, position);
  return { row: (down + shiftSize) % paddedHeight, column: (right + shiftSize) % paddedWidth };
}

/**
 * Index row * width + column of the token at a position, or -1 for padding.
 * @param {Geometry} geometry @param {number} window @param {number} position
 */
export function tokenIndex(geometry, window, position) {
  const { row, column } = tokenAt(geometry, window, position);
  return row < geometry.height && column < geometry.width ? row * geometry.width + column : -1;
}

/**
 * Region 0..8 of a position in a window; pairs of different regions are masked.
 * @param {Geometry} geometry @param {number} window @param {number} position
 */
export function regionAt(geometry, window, position) {
  const { windowSize, shiftSize, paddedHeight, paddedWidth } = geometry;
  if (!shiftSize) return 0;
  /** @param {number} at @param {number} length */
  const label = (at, length) => Number(at >= length - windowSize) + Number(at >= length - shiftSize);
  const { down, right } = rolledToken(geometry, window, position);
  return 3 * label(down, paddedHeight) + label(right, paddedWidth);
}

/**
 * Rows and columns of a window before which a new region begins.
 * @param {Geometry} geometry @param {number} window @returns {Borders}
 */
export function regionBorders(geometry, window) {
  const { windowSize } = geometry;
  /** @type {Borders} */
  const borders = { rows: [], columns: [] };
  for (let at = 1; at < windowSize; at++) {
    if (regionAt(geometry, window, at * windowSize) !== regionAt(geometry, window, (at - 1) * windowSize)) borders.rows.push(at);
    if (regionAt(geometry, window, at) !== regionAt(geometry, window, at - 1)) borders.columns.push(at);
  }
  return borders;
}

/**
 * True rectangles of a window in input pixels: up to four where the shift wrapped it.
 * @param {Geometry} geometry @param {number} window @returns {Box[]}
 */
export function rectangles({ windowSize, shiftSize, stride, columns, paddedHeight, paddedWidth }, window) {
  /** @param {number} index @param {number} length */
  const pieces = (index, length) => {
    const start = index * windowSize + shiftSize, stop = start + windowSize;
    const cut = stop <= length ? [[start, stop]] : [[start, length], [0, stop - length]];
    return cut.map(([a, b]) => [a * stride, b * stride]);
  };
  return pieces(Math.floor(window / columns), paddedHeight).flatMap(([top, bottom]) =>
    pieces(window % columns, paddedWidth).map(([left, right]) => ({ top, left, bottom, right })));
}

/**
 * How much each token counts in the mean over the pixels of a box.
 * @param {Geometry} geometry
 * @param {Box} box
 * @param {number[]} size [height, width] of the input, beyond which there are no pixels
 * @returns {TokenWeight[]}
 */
export function tokenWeights(geometry, box, size) {
  const { stride } = geometry;
  const [top, left, bottom, right] = [
    Math.max(0, box.top), Math.max(0, box.left), Math.min(size[0], box.bottom), Math.min(size[1], box.right),
  ];
  /** @param {number} index @param {number} from @param {number} to */
  const overlap = (index, from, to) => Math.min(to, (index + 1) * stride) - Math.max(from, index * stride);
  const area = (bottom - top) * (right - left);
  const weights = [];
  for (let row = Math.floor(top / stride); row * stride < bottom; row++) {
    for (let column = Math.floor(left / stride); column * stride < right; column++) {
      const weight = (overlap(row, top, bottom) * overlap(column, left, right)) / area;
      weights.push({ ...locationOf(geometry, row, column), row, column, weight });
    }
  }
  return weights;
}
