/**
 * The attention explorer: hover a pixel, see what it attends to.
 *
 * One module for three hosts (notebook, app, offline file). What differs between hosts is a *transport*: an
 * object with `request(name, args) -> Promise<{header, arrays}>`. Everything the viewer knows about itself is
 * one plain `state` object; `formatState` writes it into a permalink and `parseState` reads it back.
 *
 * The only mathematics here are indices and sums over stored rows, and they mirror swinviz/geometry.py and
 * swinviz/attention/maps.py; tests hold the two equal. Everything else is asked from Python.
 *
 *  1-4    need no page: where windows lie, reading a block's rows, colors, messages and transports
 *  5-6    the state, its permalink, and what things are called
 *  7      the page is built once, from the answer to "open"
 *  8-13   each change of state redraws it: `changed`, in the next frame `redraw`, there `look` and one function a part
 *  14     pointer and keys change the state
 *  15-16  PNG, SVG, GIF
 *  17     entry points: `mount` for every host, `render` for anywidget
 */

// --- 1. Where windows lie (mirrors WindowGeometry) ---------------------------------------------------------

/** Geometry of one block from the fields of Python's WindowGeometry, with its derived sizes. */
export function makeGeometry(fields) {
  const { height, width, window_size: side, shift_size: shift, stride } = fields;
  const paddedHeight = Math.ceil(height / side) * side;
  const paddedWidth = Math.ceil(width / side) * side;
  const columns = paddedWidth / side;
  const windows = (paddedHeight / side) * columns;
  return { height, width, side, shift, stride, paddedHeight, paddedWidth, columns, windows, area: side * side };
}

/** Window and place inside it of the token at a row and column of the padded map. */
export function placeOf(geometry, row, column) {
  const { side, shift, paddedHeight, paddedWidth, columns } = geometry;
  const down = (row - shift + paddedHeight) % paddedHeight;
  const right = (column - shift + paddedWidth) % paddedWidth;
  return {
    window: Math.floor(down / side) * columns + Math.floor(right / side),
    query: (down % side) * side + (right % side),
  };
}

/** Window and place inside it of the token that covers input pixel (y, x), or null outside the map. */
export function locate(geometry, y, x) {
  const row = Math.floor(y / geometry.stride), column = Math.floor(x / geometry.stride);
  if (row < 0 || column < 0 || row >= geometry.height || column >= geometry.width) return null;
  return placeOf(geometry, row, column);
}

/** Row and column on the padded map, the shift undone, of a place of a window. */
export function tokenAt(geometry, window, place) {
  const { side, shift, columns, paddedHeight, paddedWidth } = geometry;
  const down = Math.floor(window / columns) * side + Math.floor(place / side);
  const right = (window % columns) * side + (place % side);
  return { row: (down + shift) % paddedHeight, column: (right + shift) % paddedWidth };
}

/** Index row * width + column of a place's token, or -1 for padding. */
export function tokenIndex(geometry, window, place) {
  const { row, column } = tokenAt(geometry, window, place);
  return row < geometry.height && column < geometry.width ? row * geometry.width + column : -1;
}

/** Region 0..8 of a place of a window; pairs of different regions are masked. */
export function regionAt(geometry, window, place) {
  const { side, shift, columns, paddedHeight, paddedWidth } = geometry;
  if (!shift) return 0;
  const label = (position, length) => (position >= length - side) + (position >= length - shift);
  const down = Math.floor(window / columns) * side + Math.floor(place / side);
  const right = (window % columns) * side + (place % side);
  return 3 * label(down, paddedHeight) + label(right, paddedWidth);
}

/** True rectangles of a window in input pixels: up to four where the shift wrapped it. */
export function rectangles(geometry, window) {
  const { side, shift, stride, columns, paddedHeight, paddedWidth } = geometry;
  const pieces = (index, length) => {
    const start = index * side + shift, stop = start + side;
    const cut = stop <= length ? [[start, stop]] : [[start, length], [0, stop - length]];
    return cut.map(([a, b]) => [a * stride, b * stride]);
  };
  return pieces(Math.floor(window / columns), paddedHeight).flatMap(([top, bottom]) =>
    pieces(window % columns, paddedWidth).map(([left, right]) => ({ top, left, bottom, right })));
}

/**
 * How much each token counts in the mean over the pixels of a box, as places of windows.
 * `size` is [height, width] of the input, beyond which there are no pixels.
 */
export function tokenWeights(geometry, box, size) {
  const { stride } = geometry;
  const [top, left, bottom, right] = [
    Math.max(0, box.top), Math.max(0, box.left), Math.min(size[0], box.bottom), Math.min(size[1], box.right),
  ];
  const overlap = (index, from, to) => Math.min(to, (index + 1) * stride) - Math.max(from, index * stride);
  const area = (bottom - top) * (right - left);
  const weights = [];
  for (let row = Math.floor(top / stride); row * stride < bottom; row++) {
    for (let column = Math.floor(left / stride); column * stride < right; column++) {
      const weight = (overlap(row, top, bottom) * overlap(column, left, right)) / area;
      weights.push({ ...locate(geometry, row * stride, column * stride), row, column, weight });
    }
  }
  return weights;
}

// --- 2. Reading a block's rows -----------------------------------------------------------------------------

/** One stored row as probabilities: `out[k] += factor * pattern[window, head, query, k]`. */
export function addRow(block, window, head, query, factor, out) {
  const { area } = block.geometry;
  const row = (window * block.heads + head) * area + query;
  const unit = (factor * block.peaks.data[row] * block.peaks.step) / 255;
  const levels = block.levels.data;
  for (let key = 0, at = row * area; key < area; key++, at++) out[key] += levels[at] * unit;
}

/** One stored column: `out[q] += factor * pattern[window, head, q, key]`, what every token gives to a key. */
export function addColumn(block, window, head, key, factor, out) {
  const { area } = block.geometry;
  const first = (window * block.heads + head) * area;
  const unit = (factor * block.peaks.step) / 255;
  for (let query = 0; query < area; query++) {
    out[query] += block.levels.data[(first + query) * area + key] * block.peaks.data[first + query] * unit;
  }
}

/** Indices of the chosen heads: the one, or all of them when head is -1. */
const headsOf = (count, head) => (head >= 0 ? [head] : Array.from({ length: count }, (_, index) => index));

/** Mean over the chosen heads of rows that lie one after the other: row h at [h * length, (h + 1) * length). */
function meanRow(rows, length, head) {
  const heads = headsOf(rows.length / length, head);
  return Float32Array.from({ length }, (_, at) => heads.reduce((sum, each) => sum + rows[each * length + at], 0) / heads.length);
}

/**
 * Attention of a place, window by window: what its tokens look at (direction "query"), or who looks at them
 * ("key"). The mean over `weights`, and over all heads when head is -1.
 *
 * Returns a Map from window to Float32Array(N), the shares of the window's places.
 */
export function attentionOf(block, weights, head, direction = "query") {
  const add = direction === "key" ? addColumn : addRow;
  const heads = headsOf(block.heads, head);
  const shares = new Map();
  for (const { window, query, weight } of weights) {
    if (!shares.has(window)) shares.set(window, new Float32Array(block.geometry.area));
    for (const each of heads) add(block, window, each, query, weight / heads.length, shares.get(window));
  }
  return shares;
}

/** Mean over `weights` of a number stored for every row, such as "entropy"; over all heads when head is -1. */
export function statisticOf(block, name, weights, head) {
  const { data, step } = block[name];
  const heads = headsOf(block.heads, head);
  let sum = 0;
  for (const { window, query, weight } of weights) {
    for (const each of heads) sum += weight * data[(window * block.heads + each) * block.geometry.area + query];
  }
  return (sum * step) / heads.length;
}

/** Calls visit({row, column, value, padding}) for every token of the windows in `shares`. */
export function eachToken(geometry, shares, visit) {
  for (const [window, values] of shares) {
    for (let place = 0; place < geometry.area; place++) {
      const { row, column } = tokenAt(geometry, window, place);
      const padding = row >= geometry.height || column >= geometry.width;
      visit({ row, column, value: values[place], padding, window, place });
    }
  }
}

/** Share of the attention on each class (a token counts for the classes of its pixels) and on padding. */
export function classShares(geometry, shares, labels, size, classes) {
  const byClass = new Float64Array(classes);
  let padding = 0;
  eachToken(geometry, shares, ({ row, column, value, padding: padded }) => {
    if (padded) { padding += value; return; }
    const top = row * geometry.stride, left = column * geometry.stride;
    const bottom = Math.min(size[0], top + geometry.stride), right = Math.min(size[1], left + geometry.stride);
    const each = value / ((bottom - top) * (right - left));
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) byClass[labels[y * size[1] + x]] += each;
  });
  return { byClass, padding };
}

/** Share of a query's attention that crosses a seam: keys of another region of its window. */
export function seamShare(block, weights, head) {
  const { geometry, heads } = block;
  if (!geometry.shift) return 0;
  const row = new Float32Array(geometry.area);
  let across = 0;
  for (const { window, query, weight } of weights) {
    const region = regionAt(geometry, window, query);
    row.fill(0);
    for (const each of headsOf(heads, head)) addRow(block, window, each, query, weight, row);
    for (let key = 0; key < row.length; key++) if (regionAt(geometry, window, key) !== region) across += row[key];
  }
  return across / headsOf(heads, head).length;
}

function softmax(scores) {
  const peak = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scores.map((score) => Math.exp(score - peak));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** Relative position bias of every key of a window for one query, from a head's table of (2M-1) x (2M-1). */
export function biasOf(bias, head, side, query) {
  const across = 2 * side - 1, down = Math.floor(query / side), right = query % side;
  return Float64Array.from({ length: side * side }, (_, key) => {
    const row = side - 1 + Math.floor(key / side) - down, column = side - 1 + (key % side) - right;
    return bias[(head * across + row) * across + column];
  });
}

/**
 * What the parts of one query's scores would attend alone, from a block's stored content and its bias table:
 * {content, position, unmasked}, each heads x N. Python's answer to "split" is the same without rounding.
 */
export function splitOf(content, span, bias, side, window, query) {
  const { data, shape: [, heads, area] } = content;
  const split = Object.fromEntries(["content", "position", "unmasked"].map((part) => [part, new Float32Array(heads * area)]));
  for (let head = 0; head < heads; head++) {
    const first = ((window * heads + head) * area + query) * area;
    const scores = Float64Array.from({ length: area }, (_, key) => (data[first + key] / 255) * span);
    const position = biasOf(bias, head, side, query);
    split.content.set(softmax(scores), head * area);
    split.position.set(softmax(position), head * area);
    split.unmasked.set(softmax(scores.map((score, key) => score + position[key])), head * area);
  }
  return split;
}

// --- 3. Colors --------------------------------------------------------------------------------------------

// matplotlib's magma and (diverging) ColorBrewer PuOr as evenly spaced control points; perceptually even,
// readable in gray and with color-blind eyes. 33 points of magma are within 1.3 of 255 levels everywhere.
const MAGMA = "0000040303110a0822130d331d114628115a36106a430f7650127c5d177f691c817621818226818f2a819c2e7fa9327db6"
  + "3779c33b75cf4170db486ae65163ee5c5ef5695cf9785dfb8761fd9668fea571feb47bfec387fed194fde0a2fceeb0fcfdbf";
const PURPLE_ORANGE = "2d004b5427888073acb2abd2d8daebf7f7f7fee0b6fdb863e08214b358067f3b08";

function ramp(hex) {
  const points = hex.match(/../g).map((pair) => parseInt(pair, 16));
  const last = points.length / 3 - 1;
  const table = new Uint8ClampedArray(256 * 3);
  for (let level = 0; level < 256; level++) {
    const position = (level / 255) * last, left = Math.min(last - 1, Math.floor(position));
    for (let channel = 0; channel < 3; channel++) {
      const [a, b] = [points[3 * left + channel], points[3 * left + 3 + channel]];
      table[3 * level + channel] = a + (b - a) * (position - left);
    }
  }
  return table;
}

export const COLORS = { attention: ramp(MAGMA), signed: ramp(PURPLE_ORANGE) };

/** [r, g, b] of a value 0..1. */
export function colorOf(table, value) {
  const level = 3 * Math.max(0, Math.min(255, Math.round(255 * value)));
  return [table[level], table[level + 1], table[level + 2]];
}

const css = ([red, green, blue], alpha = 1) => `rgba(${red}, ${green}, ${blue}, ${alpha})`;

// --- 4. Messages and transports ----------------------------------------------------------------------------

const ARRAY_TYPES = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array };

/** Read one message of packet.py: {header, arrays: {name: {data, shape, step}}}. */
export function unpack(bytes) {
  // Typed arrays need aligned memory; a host may hand over a view into the middle of something.
  const aligned = bytes.byteOffset % 8 ? bytes.slice() : bytes;
  const { buffer, byteOffset } = aligned;
  if (String.fromCharCode(...aligned.subarray(0, 4)) !== "SWV1") throw new Error("this is no message of the viewer");
  const length = new DataView(buffer, byteOffset).getUint32(4, true);
  const { arrays: entries, ...header } = JSON.parse(new TextDecoder().decode(aligned.subarray(8, 8 + length)));
  const arrays = {};
  for (const { name, type, shape, step, at } of entries) {
    const count = shape.reduce((product, side) => product * side, 1);
    arrays[name] = { data: new ARRAY_TYPES[type](buffer, byteOffset + 8 + length + at, count), shape, step };
  }
  return { header, arrays };
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Requests as anywidget messages; answers carry the same id, and their bytes as a buffer. */
export function widgetTransport(model) {
  const waiting = new Map();
  const prefix = Math.random().toString(36).slice(2); // two views of one widget both hear every answer
  let count = 0;
  const answered = ({ id, error }, buffers) => {
    const asked = waiting.get(id);
    if (!asked) return;
    waiting.delete(id);
    if (error) asked.reject(new Error(error));
    else asked.resolve(unpack(new Uint8Array(buffers[0].buffer, buffers[0].byteOffset, buffers[0].byteLength)));
  };
  model.on("msg:custom", answered);
  return {
    request: (name, args) => new Promise((resolve, reject) => {
      const id = `${prefix}-${count++}`;
      waiting.set(id, { resolve, reject });
      model.send({ id, name, args });
    }),
    close: () => model.off("msg:custom", answered),
  };
}

/** Requests through a function of the host: call({name, args}) -> Promise of base64, or of {error}. */
export function callTransport(call) {
  return {
    async request(name, args) {
      const answer = await call({ name, args });
      if (typeof answer !== "string") throw new Error(answer?.error ?? "the server gave no answer");
      return unpack(fromBase64(answer));
    },
    close() {},
  };
}

/** Requests by HTTP: POST {name, args} as JSON to `url`; the answer is the message, or text that says why not. */
export function fetchTransport(url, headers = {}) {
  return {
    async request(name, args) {
      const answer = await fetch(url, {
        method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify({ name, args }),
      });
      if (!answer.ok) throw new Error((await answer.text()) || `the server answered ${answer.status}`);
      return unpack(new Uint8Array(await answer.arrayBuffer()));
    },
    close() {},
  };
}

/** Requests answered from a file: `find(key)` gives the gzipped, base64 message stored under "name?args". */
export function fileTransport(find) {
  return {
    async request(name, args) {
      const text = find(requestKey(name, args));
      if (!text) throw new Error("This is not kept in the file, which would otherwise be too large.");
      const stream = new Blob([fromBase64(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
      return unpack(new Uint8Array(await new Response(stream).arrayBuffer()));
    },
    close() {},
  };
}

/** The key under which an answer is kept: the request's name and its arguments in alphabetical order. */
export function requestKey(name, args = {}) {
  const query = Object.keys(args).sort().map((key) => `${key}=${args[key]}`).join("&");
  return query ? `${name}?${query}` : name;
}

/** Remembers answers up to a number of bytes, forgetting the least recently used first. */
export function remember(transport, limit = 128 * 2 ** 20) {
  const kept = new Map(); // in order of use
  const size = (answer) => Object.values(answer.arrays).reduce((sum, { data }) => sum + data.byteLength, 0);
  const trim = async () => {
    let total = 0;
    for (const [key, promise] of [...kept].reverse()) {
      total += await promise.then(size, () => 0);
      if (total > limit && key !== [...kept.keys()].at(-1)) kept.delete(key);
    }
  };
  return {
    request(name, args) {
      const key = requestKey(name, args);
      const promise = kept.get(key) ?? transport.request(name, args);
      kept.delete(key);
      kept.set(key, promise);
      promise.then(trim, () => kept.delete(key)); // a failure may succeed the next time
      return promise;
    },
    close: () => transport.close(),
  };
}

// --- 5. State and permalink --------------------------------------------------------------------------------

export const LAYERS = ["grid", "shifted", "seams", "padding", "outlines"];

export function initialState() {
  return {
    stage: 0, block: 0, head: -1, y: 0, x: 0, locked: false, region: null, direction: "query",
    segmentation: 0.35, heat: 0.8, layers: [], strip: "rollout", edits: [], compare: 0.5,
  };
}

// Always in a permalink: a viewer that is told no place chooses one itself.
const PLACE = ["stage", "block", "y", "x"];

/** State as a string: the place, and the fields that differ from the initial state. */
export function formatState(state) {
  const initial = initialState();
  const text = (value) => (Array.isArray(value) ? value.join(".") : String(value));
  const pairs = Object.keys(initial).filter((key) => PLACE.includes(key) || text(state[key]) !== text(initial[key]));
  return pairs.map((key) => `${key}=${encodeURIComponent(text(state[key]))}`).join("&");
}

/** State from a string; what is missing or not understood stays as it is initially. */
export function parseState(text) {
  const state = initialState();
  for (const [key, value] of new URLSearchParams(text ?? "")) {
    const initial = state[key];
    if (key === "region") {
      const box = value.split(".").map(Number);
      if (box.length === 4 && box.every(Number.isFinite)) state.region = box;
    } else if (Array.isArray(initial)) state[key] = value.split(".").filter(Boolean);
    else if (typeof initial === "boolean") state[key] = value === "true";
    else if (typeof initial === "number") { if (value !== "" && Number.isFinite(Number(value))) state[key] = Number(value); }
    else if (typeof initial === "string") state[key] = value;
  }
  state.layers = state.layers.filter((layer) => LAYERS.includes(layer));
  return state;
}

/** Make a state possible for this picture, model and host: indices in range, the query on the image. */
export function clampState(state, opening) {
  const within = (value, low, high) => Math.max(low, Math.min(high, Math.round(value)));
  const blocks = opening.blocks;
  const chosen = blocks.find(({ stage, block }) => stage === state.stage && block === state.block) ?? blocks[0];
  state.stage = chosen.stage;
  state.block = chosen.block;
  state.head = within(state.head, -1, chosen.heads - 1);
  state.y = within(state.y, 0, opening.size[0] - 1);
  state.x = within(state.x, 0, opening.size[1] - 1);
  for (const name of ["segmentation", "heat", "compare"]) state[name] = Math.max(0, Math.min(1, state[name]));
  // A file holds edits one at a time; with Python behind it, any of them together.
  if (opening.kept) state.edits = state.edits.filter((name) => opening.kept.edits.includes(name)).slice(-1);
  if (state.direction !== "key") state.direction = "query";
  if (state.strip !== "reach") state.strip = "rollout";
  if (state.region) {
    const [top, left, bottom, right] = state.region;
    const box = [within(top, 0, opening.size[0]), within(left, 0, opening.size[1]),
      within(bottom, 0, opening.size[0]), within(right, 0, opening.size[1])];
    state.region = box[2] > box[0] && box[3] > box[1] ? box : null;
    // Its middle stands for it where only one query can be shown.
    if (state.region) [state.y, state.x] = [(box[0] + box[2]) >> 1, (box[1] + box[3]) >> 1];
  }
  return state;
}

// --- 6. Words and numbers ----------------------------------------------------------------------------------

/** A share 0..1 as a person reads it: "38 %", "4.2 %", "< 0.1 %". */
export function formatShare(share) {
  const percent = 100 * share;
  if (percent > 0 && percent < 0.05) return "< 0.1 %";
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

const kindOf = (geometry) => (geometry.shift ? "SW" : "W");
const blockName = ({ stage, block }) => `stage ${stage}, block ${block}`;
const headName = (head, heads) => (head < 0 ? `mean of ${heads} heads` : `head ${head}`);

const LAYER_NAMES = {
  grid: ["Windows", "the regular windows of W-MSA blocks"],
  shifted: ["Shifted windows", "the windows of SW-MSA blocks, moved by half a window"],
  seams: ["Seams", "where the shift brings together parts that may not attend to each other"],
  padding: ["Padding", "tokens beyond the image that fill up the last windows; they are attended"],
  outlines: ["Outlines", "borders between the predicted classes"],
};

const STRIP_NAMES = {
  rollout: ["Rollout", "Where the query's token, after each block, has its content from: attention averaged over heads and "
    + "multiplied through all blocks before. Brightness is the square root of the share."],
  reach: ["Reach", "Which pixels can influence the query's token at all, after each block: windows, shifts, masks and merging alone."],
};

const EDIT_NAMES = {
  no_shift: ["no shift", "cut all windows without the shift"],
  no_mask: ["no mask", "let tokens attend across seams"],
  no_bias: ["no position bias", "attention by content alone"],
  mask_padding_keys: ["padding masked", "forbid attention to padding"],
};

const WAY_NAMES = {
  query: ["What it looks at", "The keys that this token, as a query, attends to"],
  key: ["Who looks at it", "The queries that attend to this token, as a key"],
};

const KEYS = [
  ["← ↑ → ↓", "move the query by one token (with Shift: by one window)"],
  ["+  −", "widen the query to a region, narrow it again"],
  ["[  ]", "previous, next block"],
  [",  .", "previous, next head (before head 0: the mean of all)"],
  ["Space", "lock or free the query"],
  ["R", "swap what it looks at and who looks at it"],
  ["G  H  S  P  O", "windows, shifted windows, seams, padding, outlines"],
  ["M", "play or stop the blocks"],
  ["Esc", "free the query, drop the region"],
  ["?", "this help"],
];

// --- 7. The page -------------------------------------------------------------------------------------------

/** Make an element: attributes by name, `on...` as listeners, children as nodes or text. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat());
  return node;
}

const button = (text, onclick, attributes = {}) => make("button", { type: "button", class: "swv-button", onclick, ...attributes }, text);
const note = (...text) => make("p", { class: "swv-note" }, ...text);

/** Buttons of which one is pressed: names is {value: [text, meaning]}; returns {value: button}. */
const choices = (names, choose) => Object.fromEntries(Object.entries(names).map(([value, [text, meaning]]) =>
  [value, button(text, () => choose(value), { title: meaning })]));

function press(buttons, chosen) {
  for (const [value, node] of Object.entries(buttons)) node.setAttribute("aria-pressed", String(value === chosen));
}

/** Put other children into a node; if one of the old ones had the focus, `heir` gets it, or keys would go nowhere. */
function replaceChildren(node, children, heir) {
  const focused = node.contains(node.getRootNode().activeElement);
  node.replaceChildren(...children);
  if (focused) heir.focus();
}

/** Keep the chosen one of a group of radio buttons in sight, and the focus on it if it is in the group. */
function follow(group, chosen) {
  showIn(group, chosen);
  const focused = group.getRootNode().activeElement;
  if (group.contains(focused) && focused !== chosen) chosen.focus({ preventScroll: true });
}

/** Scroll a box, and nothing around it, until a child of it shows; once, so that it can be scrolled away again. */
function showIn(box, child) {
  if (box.shown === child) return;
  box.shown = child;
  const [outer, inner] = [box.getBoundingClientRect(), child.getBoundingClientRect()];
  box.scrollLeft += Math.max(0, inner.right - outer.right) + Math.min(0, inner.left - outer.left);
  box.scrollTop += Math.max(0, inner.bottom - outer.bottom) + Math.min(0, inner.top - outer.top);
}

function buildPage(viewer) {
  const { root, opening, parts } = viewer;
  root.style.setProperty("--swv-widest", `${widest(viewer)}px`);
  parts.announce = make("p", { class: "swv-hidden", "aria-live": "polite" });
  parts.help = make("dialog", { class: "swv-help", "aria-label": "Keys" },
    make("h3", {}, "Keys"),
    make("dl", {}, KEYS.flatMap(([keys, meaning]) => [make("dt", {}, keys), make("dd", {}, meaning)])),
    make("p", {}, "Hover to look, click to lock, click again to free. Drag a rectangle to ask for a region."),
    make("form", { method: "dialog" }, make("button", { class: "swv-button" }, "Close")));
  parts.ways = choices(WAY_NAMES, (way) => { viewer.state.direction = way; changed(viewer, "query"); });
  const [height, width] = opening.size;
  root.replaceChildren(
    make("header", { class: "swv-header" },
      make("strong", {}, opening.title),
      make("span", { class: "swv-note" }, `${width} × ${height} px, as the model sees it`),
      make("span", { class: "swv-space" }), ...Object.values(parts.ways),
      button("?", () => parts.help.showModal(), { "aria-label": "Keys", title: "Keys (?)" })),
    make("div", { class: "swv-main" }, buildLeft(viewer), buildRight(viewer)),
    buildBelow(viewer), parts.announce, parts.help);
}

function buildLeft(viewer) {
  const { parts, state, opening } = viewer;
  parts.base = make("canvas", { class: "swv-base", "aria-hidden": "true" });
  parts.over = make("canvas", {
    class: "swv-over", tabindex: "0", role: "application", "aria-roledescription": "attention map",
    "aria-label": "Image. Arrow keys move the query, space locks it, question mark shows all keys.",
  });
  parts.compare = make("input", {
    type: "range", class: "swv-compare", min: 0, max: 1, step: 0.01, value: state.compare, hidden: true,
    "aria-label": "Segmentation before the edits on the left, after them on the right",
    oninput: (event) => { state.compare = Number(event.target.value); changed(viewer, "base"); },
  });
  parts.compareText = make("p", { class: "swv-note swv-compare-text", hidden: true });
  parts.picture = make("div", { class: "swv-picture" }, parts.base, parts.over);
  parts.readout = make("p", { class: "swv-readout" });
  parts.hint = note();
  parts.scale = make("canvas", { class: "swv-scale", width: 256, height: 1, "aria-hidden": "true" });
  const context = parts.scale.getContext("2d");
  for (let level = 0; level < 256; level++) {
    context.fillStyle = css(colorOf(COLORS.attention, level / 255));
    context.fillRect(level, 0, 1, 1);
  }
  parts.scaleMax = make("span");
  const slider = (label, name) => make("label", { class: "swv-slider" }, label, make("input", {
    type: "range", min: 0, max: 1, step: 0.05, value: state[name], "aria-label": `${label} opacity`,
    oninput: (event) => { state[name] = Number(event.target.value); changed(viewer, "base"); },
  }));
  parts.layers = Object.fromEntries(LAYERS.map((layer) => [layer, make("input", {
    type: "checkbox", onchange: () => toggleLayer(viewer, layer),
  })]));
  return make("section", { class: "swv-left", "aria-label": "Picture" },
    parts.picture, parts.compare, parts.compareText, parts.readout, parts.hint,
    make("div", { class: "swv-controls" }, slider("Segmentation", "segmentation"), slider("Attention", "heat"),
      make("span", { class: "swv-legend" }, "0", parts.scale, parts.scaleMax)),
    make("div", { class: "swv-controls" }, LAYERS.map((layer) =>
      make("label", { title: LAYER_NAMES[layer][1] }, parts.layers[layer], LAYER_NAMES[layer][0]))),
    buildEdits(viewer), opening.kept ? make("p", { class: "swv-note swv-kept" }, keptText(opening)) : []);
}

function buildEdits(viewer) {
  const { parts, opening: { kept } } = viewer;
  const names = Object.keys(EDIT_NAMES).filter((name) => !kept || kept.edits.includes(name));
  parts.edits = Object.fromEntries(names.map((name) => [name, make("input", {
    type: "checkbox", onchange: () => toggleEdit(viewer, name),
  })]));
  parts.silence = button("", () => toggleEdit(viewer, silenced(viewer)));
  parts.silent = make("span", { class: "swv-controls" });
  const boxes = names.map((name) => make("label", { title: EDIT_NAMES[name][1] }, parts.edits[name], EDIT_NAMES[name][0]));
  return make("fieldset", { class: "swv-edits", hidden: !names.length }, make("legend", {}, "What if …"),
    make("div", { class: "swv-controls" }, boxes),
    kept ? note("One at a time, and the segmentation only: the attention shown stays that of the unedited model.")
      : make("div", { class: "swv-controls" }, parts.silence, parts.silent));
}

/** Name of the edit that silences the chosen head, or null while no single head is chosen. */
const silenced = ({ state }) => (state.head < 0 ? null : `off-${state.stage}-${state.block}-${state.head}`);

/** What an edit is called on the page. */
const editName = (name) => EDIT_NAMES[name]?.[0] ?? `without head ${name.slice(4).replaceAll("-", "·")}`;

/** What an offline file holds and what not, said in the file. */
function keptText({ blocks, kept }) {
  const name = ([stage, block]) => `${stage}·${block}`;
  const lacking = (what, missing) => (missing.length ? `${what} of all blocks but ${missing.map(name).join(", ")} (stage·block)`
    : `${what} of all ${blocks.length} blocks`);
  const held = [lacking("the patterns", kept.no_patterns), lacking("their split into content, position and mask", kept.no_content)];
  if (kept.strip_every) held.push(`strips of a grid of queries ${kept.strip_every} px apart, of which the nearest is shown`);
  if (kept.edits.length) held.push("the segmentation under each edit");
  return `An offline copy. It holds ${held.join("; ")}. All else needs Python: edits together, their attention, heads silenced`
    + `${kept.strip_every ? "" : ", strips"}.`;
}

function buildRight(viewer) {
  const { parts } = viewer;
  parts.heads = make("div", { class: "swv-heads", role: "radiogroup", "aria-label": "Heads" });
  parts.headsTitle = make("h3");
  parts.sharesTitle = make("h3");
  parts.shares = make("div", { class: "swv-shares" });
  parts.bias = make("canvas", { class: "swv-bias", role: "img" });
  parts.biasText = note();
  parts.split = make("div", { class: "swv-split" });
  return make("section", { class: "swv-right", "aria-label": "Heads and shares" },
    parts.headsTitle, parts.heads,
    parts.sharesTitle, parts.shares,
    make("h3", {}, "Content, position, mask"), parts.split,
    make("h3", {}, "Position bias"), make("div", { class: "swv-pair" }, parts.bias, parts.biasText));
}

function buildBelow(viewer) {
  const { parts, opening, state } = viewer;
  parts.strip = make("div", { class: "swv-strip", role: "radiogroup", "aria-label": "Blocks" });
  parts.gif = button("GIF of the blocks", () => saveGif(viewer));
  parts.saved = note();
  parts.stripText = make("p", { class: "swv-note swv-strip-text" });
  parts.play = button("", () => play(viewer), { title: "Show one block after the other (M)" });
  parts.kinds = choices(STRIP_NAMES, (kind) => { state.strip = kind; changed(viewer, "query"); });
  let stage = -1, group;
  parts.cells = opening.blocks.map((each) => {
    const geometry = makeGeometry(each.geometry);
    if (each.stage !== stage) {
      stage = each.stage;
      group = make("div", { class: "swv-stage" });
      parts.strip.append(make("div", { class: "swv-stage-box" },
        make("span", { class: "swv-note" }, `Stage ${stage} · ${geometry.width} × ${geometry.height} tokens`), group));
    }
    const canvas = make("canvas", { "aria-hidden": "true" });
    const label = make("span", {}, String(each.block), make("small", {}, kindOf(geometry)));
    const cell = make("button", {
      type: "button", role: "radio", class: "swv-cell", "aria-label": `${blockName(each)}, ${kindOf(geometry)}-MSA`,
      onclick: () => { Object.assign(state, { stage: each.stage, block: each.block }); changed(viewer, "base"); },
    }, canvas, label);
    group.append(cell);
    return { ...each, geometry, unshifted: makeGeometry({ ...each.geometry, shift_size: 0 }), cell, canvas };
  });
  return make("section", { class: "swv-below", "aria-label": "Blocks" },
    make("div", { class: "swv-controls" }, parts.play, ...Object.values(parts.kinds), parts.stripText),
    parts.strip,
    make("div", { class: "swv-controls" }, make("span", { class: "swv-note" }, "Save"),
      button("PNG", () => savePng(viewer)), button("SVG", () => saveSvg(viewer)),
      parts.gif, button("Copy permalink", () => copyPermalink(viewer)), parts.saved));
}

function buildHeads(viewer) {
  const { parts, state, chosen } = viewer;
  if (parts.tiles?.length === chosen.heads + 1) return;
  parts.tiles = Array.from({ length: chosen.heads + 1 }, (_, index) => {
    const head = index - 1;
    const canvas = make("canvas", { width: 56, height: 56, "aria-hidden": "true" });
    const caption = make("small");
    const tile = make("button", {
      type: "button", role: "radio", class: "swv-tile", "aria-label": headName(head, chosen.heads),
      onclick: () => { state.head = head; changed(viewer, "query"); },
    }, canvas, make("span", {}, head < 0 ? "mean" : String(head)), caption);
    return { head, tile, canvas, caption };
  });
  replaceChildren(parts.heads, parts.tiles.map(({ tile }) => tile), parts.tiles[state.head + 1].tile);
}

// --- 8. From state to picture ------------------------------------------------------------------------------

/** Something changed: draw in the next frame. "base": also what lies below the attention. */
function changed(viewer, what) {
  viewer.stale.add(what);
  viewer.frame ||= requestAnimationFrame(() => {
    viewer.frame = 0;
    redraw(viewer);
  });
}

/**
 * What a request gives: at once if it is the last one asked for in this slot; else null, and another redraw
 * when it has come, unless something newer was asked for in its place. A failure gives {trouble}.
 */
function want(viewer, slot, name, args) {
  const key = requestKey(name, args);
  const { asked, got } = viewer;
  if (asked[slot] !== key) {
    asked[slot] = key;
    viewer.transport.request(name, args).catch((error) => ({ trouble: error.message })).then((answer) => {
      if (asked[slot] !== key) return;
      got[slot] = { key, answer };
      changed(viewer, "base");
    });
  }
  return got[slot]?.key === key ? got[slot].answer : null;
}

/** The edits under which attention is shown: in an offline file none. */
const patternEdits = ({ state, opening }) => (opening.kept ? [] : state.edits);

/** Geometry of a block as the edits leave it. */
const editedGeometry = (viewer, cell) => (patternEdits(viewer).includes("no_shift") ? cell.unshifted : cell.geometry);

const asArgument = (edits) => (edits.length ? { edits: edits.join(".") } : {});

function redraw(viewer) {
  const started = performance.now();
  const { state, opening, parts, stale } = viewer;
  viewer.stale = new Set();
  clampState(state, opening);
  viewer.chosen = parts.cells.find(({ stage, block }) => stage === state.stage && block === state.block);
  look(viewer);
  if (stale.has("base")) { fit(viewer); drawBase(viewer); }
  drawOver(viewer);
  drawHeads(viewer);
  drawShares(viewer);
  drawEdits(viewer);
  drawSplit(viewer);
  drawBias(viewer);
  drawStrip(viewer);
  drawWords(viewer);
  viewer.root.dataset.ready = String(Boolean(viewer.block && viewer.before));
  const permalink = formatState(state);
  if (viewer.root.dataset.state !== permalink && (state.locked || stale.has("base"))) {
    viewer.root.dataset.state = permalink;
    viewer.onstate?.(permalink);
  }
  viewer.lastDraw = performance.now() - started;
}

/** What is attended now: the block, the tokens asked about, their shares, and the largest of these. */
function look(viewer) {
  const { state, chosen, opening, bitmaps } = viewer;
  const before = want(viewer, "before", "segmentation", {});
  const after = state.edits.length ? want(viewer, "after", "segmentation", asArgument(state.edits)) : null;
  viewer.before = segmentationOf(before);
  viewer.after = segmentationOf(after);
  viewer.segmentation = opening.kept ? viewer.before : viewer.after ?? viewer.before; // that goes with the attention shown
  for (const [name, each] of [["before", viewer.before], ["after", viewer.after]]) {
    if (bitmaps[name]?.labels !== each?.labels) bitmaps[name] = each && paintLabels(opening, each.labels);
  }
  const edits = asArgument(patternEdits(viewer));
  const answer = want(viewer, "block", "block", { stage: state.stage, block: state.block, ...edits });
  viewer.trouble = answer?.trouble ?? before?.trouble ?? after?.trouble;
  viewer.block = blockOf(answer);
  viewer.geometry = editedGeometry(viewer, chosen);
  const [top, left, bottom, right] = state.region ?? [state.y, state.x, state.y + 1, state.x + 1];
  viewer.weights = tokenWeights(viewer.geometry, { top, left, bottom, right }, opening.size);
  viewer.shares = viewer.block && attentionOf(viewer.block, viewer.weights, state.head, state.direction);
  viewer.peak = 1e-9;
  for (const values of viewer.shares?.values() ?? []) for (const value of values) if (value > viewer.peak) viewer.peak = value;
}

function segmentationOf(answer) {
  return answer?.arrays ? { ...answer.header, labels: answer.arrays.labels.data, confidence: answer.arrays.confidence } : null;
}

function blockOf(answer) {
  if (!answer?.arrays) return null;
  const { header, arrays } = answer;
  return { ...arrays, heads: arrays.levels.shape[1], geometry: makeGeometry(header.geometry) };
}

// --- 9. The picture ----------------------------------------------------------------------------------------

/** Device pixels per CSS pixel, as far as more of them can be seen. */
const pixelDensity = () => Math.min(2, window.devicePixelRatio || 1);

const MAX_PICTURE_HEIGHT = 700;

/** Height and width, in input pixels, of what the picture shows: the image, or it and all its padding. */
function extent({ opening, state, parts }) {
  const [height, width] = opening.size;
  if (!state.layers.includes("padding")) return [height, width];
  return parts.cells.reduce(([tall, wide], { geometry }) => [
    Math.max(tall, geometry.paddedHeight * geometry.stride), Math.max(wide, geometry.paddedWidth * geometry.stride),
  ], [height, width]);
}

/** CSS pixels from which on the picture would be too tall; the page gives the rest to the other column. */
const widest = ({ opening: { size: [height, width] } }) => Math.round((MAX_PICTURE_HEIGHT * width) / height);

/** Fit both canvases to the column; viewer.scale is device pixels per input pixel. */
function fit(viewer) {
  const { parts } = viewer;
  const [height, width] = extent(viewer);
  const room = Math.max(120, parts.picture.parentElement.clientWidth);
  const density = pixelDensity();
  viewer.scale = (Math.min(room, widest(viewer)) * density) / width;
  const [w, h] = [width, height].map((side) => Math.round(side * viewer.scale));
  for (const canvas of [parts.base, parts.over]) {
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  }
  for (const { style } of [parts.base, parts.over, parts.picture]) {
    style.width = `${w / density}px`;
    style.height = `${h / density}px`;
  }
  parts.compare.style.width = `${w / density}px`;
}

/** A canvas made pixel by pixel: fill(data) writes RGBA. */
function bitmap([height, width], fill) {
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  fill(pixels.data);
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function paintImage({ size, arrays }) {
  const rgb = arrays.image.data;
  return bitmap(size, (data) => {
    for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
      data[to] = rgb[from];
      data[to + 1] = rgb[from + 1];
      data[to + 2] = rgb[from + 2];
      data[to + 3] = 255;
    }
  });
}

/** The classes' colors, and white where a pixel's class differs from its right or lower neighbor's. */
function paintLabels({ size, palette }, labels) {
  const [height, width] = size;
  const colors = bitmap(size, (data) => {
    for (let index = 0; index < labels.length; index++) {
      const [red, green, blue] = palette[labels[index]];
      data[4 * index] = red;
      data[4 * index + 1] = green;
      data[4 * index + 2] = blue;
      data[4 * index + 3] = 255;
    }
  });
  const outlines = bitmap(size, (data) => {
    for (let index = 0; index < labels.length; index++) {
      const right = index % width < width - 1 && labels[index] !== labels[index + 1];
      if (right || (index < width * (height - 1) && labels[index] !== labels[index + width])) data.fill(255, 4 * index, 4 * index + 4);
    }
  });
  return { labels, colors, outlines };
}

function drawBase(viewer) {
  const { parts, state, bitmaps, scale, opening, geometry } = viewer;
  const context = parts.base.getContext("2d");
  const [height, width] = opening.size.map((side) => Math.round(side * scale));
  context.clearRect(0, 0, parts.base.width, parts.base.height);
  if (state.layers.includes("padding")) drawPadding(viewer, context);
  context.imageSmoothingEnabled = true;
  context.drawImage(bitmaps.image, 0, 0, width, height);
  context.imageSmoothingEnabled = false;
  const divide = bitmaps.after ? Math.round(width * state.compare) : width;
  if (bitmaps.before) drawLabels(viewer, context, bitmaps.before, 0, divide, height);
  if (bitmaps.after) {
    drawLabels(viewer, context, bitmaps.after, divide, width, height);
    drawDivide(context, divide, height);
  }
  if (state.layers.includes("grid")) drawGrid(viewer, context, 0);
  if (state.layers.includes("shifted")) drawGrid(viewer, context, Math.floor(geometry.side / 2));
  if (state.layers.includes("seams") && geometry.shift) drawSeams(viewer, context);
}

function drawLabels({ state, opening, scale }, context, { colors, outlines }, from, to, height) {
  context.save();
  context.beginPath();
  context.rect(from, 0, to - from, height);
  context.clip();
  const width = Math.round(opening.size[1] * scale);
  context.globalAlpha = state.segmentation;
  context.drawImage(colors, 0, 0, width, height);
  context.globalAlpha = 1;
  if (state.layers.includes("outlines")) context.drawImage(outlines, 0, 0, width, height);
  context.restore();
}

/** The line between the segmentations before and after the edits, and which is which. */
function drawDivide(context, at, height) {
  const line = new Path2D();
  line.moveTo(at, 0);
  line.lineTo(at, height);
  strokeTwice(context, line, 2);
  const density = pixelDensity();
  context.font = `${12 * density}px system-ui, sans-serif`;
  for (const [text, side] of [["before", -1], ["after", 1]]) {
    const wide = context.measureText(text).width + 12 * density, left = side < 0 ? at - wide : at;
    context.fillStyle = "rgba(0, 0, 0, 0.6)";
    context.fillRect(left, 0, wide, 20 * density);
    context.fillStyle = "#fff";
    context.fillText(text, left + 6 * density, 14 * density);
  }
}

function drawPadding({ scale, geometry, colors }, context) {
  const { paddedHeight, paddedWidth, stride } = geometry;
  const [height, width] = [paddedHeight, paddedWidth].map((side) => side * stride * scale);
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  context.fillStyle = colors.panel;
  context.fillRect(0, 0, width, height);
  context.strokeStyle = colors.line;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -height; at < width; at += 8) { context.moveTo(at, height); context.lineTo(at + height, 0); }
  context.stroke();
  context.restore();
}

/** Lines twice: dark below, light above, so that they show on any picture. */
function strokeTwice(context, path, width, dash = []) {
  context.setLineDash(dash);
  for (const [color, wide] of [["rgba(0, 0, 0, 0.55)", width + 2], ["rgba(255, 255, 255, 0.95)", width]]) {
    context.strokeStyle = color;
    context.lineWidth = wide;
    context.stroke(path);
  }
  context.setLineDash([]);
}

/** Straight lines across the padded map before the given rows and columns of tokens. */
function lines({ scale, geometry }, rows, columns) {
  const unit = geometry.stride * scale;
  const path = new Path2D();
  for (const row of rows) { path.moveTo(0, row * unit); path.lineTo(geometry.paddedWidth * unit, row * unit); }
  for (const column of columns) { path.moveTo(column * unit, 0); path.lineTo(column * unit, geometry.paddedHeight * unit); }
  return path;
}

function drawGrid(viewer, context, shift) {
  const { side, paddedHeight, paddedWidth } = viewer.geometry;
  const starts = (length) => Array.from({ length: Math.floor((length - shift) / side) + 1 }, (_, index) => shift + index * side);
  const path = lines(viewer, starts(paddedHeight), starts(paddedWidth));
  context.lineWidth = 1;
  context.setLineDash(shift ? [5, 4] : []);
  context.strokeStyle = "rgba(0, 0, 0, 0.5)";
  context.translate(1, 1);
  context.stroke(path);
  context.translate(-1, -1);
  context.strokeStyle = "rgba(255, 255, 255, 0.75)";
  context.stroke(path);
  context.setLineDash([]);
}

function drawSeams(viewer, context) {
  const { side, shift, paddedHeight, paddedWidth } = viewer.geometry;
  const starts = (length) => [shift, length - side + shift];
  strokeTwice(context, lines(viewer, starts(paddedHeight), starts(paddedWidth)), 2, [2, 5]);
}

/** The box of input pixels [top, left, bottom, right) in whole device pixels, so that tokens meet exactly. */
export function toDevice(scale, top, left, bottom, right) {
  const [y, x] = [Math.round(top * scale), Math.round(left * scale)];
  return [x, y, Math.round(right * scale) - x, Math.round(bottom * scale) - y];
}

/** Everything above the picture, as shapes that canvas and SVG both draw, from bottom to top. */
function shapesOver(viewer) {
  const { state, geometry, shares, weights, scale } = viewer;
  const windows = [...new Set(weights.map(({ window }) => window))];
  const boxes = windows.flatMap((window) => rectangles(geometry, window))
    .map(({ top, left, bottom, right }) => toDevice(scale, top, left, bottom, right));
  const [{ stride }, tokens] = [geometry, []];
  if (shares) {
    eachToken(geometry, shares, ({ row, column, value }) => tokens.push({
      box: toDevice(scale, row * stride, column * stride, (row + 1) * stride, (column + 1) * stride),
      color: css(colorOf(COLORS.attention, value / viewer.peak)),
    }));
  }
  const place = toDevice(scale, ...(state.region ?? queryBox(viewer)));
  return { boxes, tokens, place, spread: windows.length > 1 };
}

function queryBox({ state, geometry: { stride } }) {
  const [top, left] = [state.y, state.x].map((at) => Math.floor(at / stride) * stride);
  return [top, left, top + stride, left + stride];
}

function drawOver(viewer) {
  const { parts, state, colors, film } = viewer;
  const context = parts.over.getContext("2d");
  context.clearRect(0, 0, parts.over.width, parts.over.height);
  const { boxes, tokens, place, spread } = shapesOver(viewer);
  const outline = new Path2D();
  if (film == null) {
    for (const box of boxes) outline.rect(...box);
    if (!spread) { // everything that cannot be attended steps back
      const veil = new Path2D(outline);
      veil.rect(0, 0, parts.over.width, parts.over.height);
      context.fillStyle = colors.veil;
      context.fill(veil, "evenodd");
    }
    context.globalAlpha = state.heat;
    for (const { box, color } of tokens) {
      context.fillStyle = color;
      context.fillRect(...box);
    }
    context.globalAlpha = 1;
    if (!spread) strokeTwice(context, outline, 2);
  } else drawFilm(viewer, context);
  const around = new Path2D();
  around.rect(...place);
  strokeTwice(context, around, state.locked || state.region ? 4 : 2, state.region ? [6, 4] : []);
}

function drawFilm({ strip, film, state, scale, opening }, context) {
  if (!strip?.arrays) return;
  const [height, width] = opening.size.map((side) => Math.round(side * scale));
  context.globalAlpha = state.heat;
  context.imageSmoothingEnabled = false;
  context.drawImage(stripBitmap(strip, film), 0, 0, width, height);
  context.globalAlpha = 1;
}

/** One block's map of a strip; levels are square roots, so that faint shares show. */
function stripBitmap(strip, index) {
  const { data, shape: [, height, width] } = strip.arrays.levels;
  strip.bitmaps ??= [];
  return (strip.bitmaps[index] ??= bitmap([height, width], (pixels) => {
    for (let at = 0; at < height * width; at++) {
      const level = data[index * height * width + at];
      pixels.set(colorOf(COLORS.attention, level / 255), 4 * at);
      pixels[4 * at + 3] = 140 + (115 * level) / 255; // where nothing is, the image still shows
    }
  }));
}

// --- 10. Panels: heads, shares, split, bias ----------------------------------------------------------------

/** Values of a square window as a small picture, relative to `peak`; lines where regions meet. */
function drawTile(canvas, values, side, { peak = Math.max(...values, 1e-12), query = null, seams = { rows: [], columns: [] } }) {
  const small = canvas.small?.width === side ? canvas.small : (canvas.small = make("canvas", { width: side, height: side }));
  const pixels = (small.pixels ??= new ImageData(side, side));
  for (let at = 0; at < side * side; at++) {
    const level = 3 * Math.min(255, Math.round((255 * values[at]) / peak));
    for (let channel = 0; channel < 3; channel++) pixels.data[4 * at + channel] = COLORS.attention[level + channel];
    pixels.data[4 * at + 3] = 255;
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  const context = canvas.getContext("2d");
  const unit = canvas.width / side;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  context.strokeStyle = "rgba(255, 255, 255, 0.7)";
  context.lineWidth = 1;
  context.setLineDash([2, 2]);
  context.beginPath();
  for (const row of seams.rows) { context.moveTo(0, row * unit); context.lineTo(canvas.width, row * unit); }
  for (const column of seams.columns) { context.moveTo(column * unit, 0); context.lineTo(column * unit, canvas.width); }
  context.stroke();
  context.setLineDash([]);
  if (query == null) return;
  context.strokeStyle = "#fff";
  context.lineWidth = 1.5;
  context.strokeRect((query % side) * unit + 0.75, Math.floor(query / side) * unit + 0.75, unit - 1.5, unit - 1.5);
}

/** Rows and columns of a window before which a new region begins. */
function seamsOf(geometry, window) {
  const { side } = geometry;
  const seams = { rows: [], columns: [] };
  for (let at = 1; at < side; at++) {
    if (regionAt(geometry, window, at * side) !== regionAt(geometry, window, (at - 1) * side)) seams.rows.push(at);
    if (regionAt(geometry, window, at) !== regionAt(geometry, window, at - 1)) seams.columns.push(at);
  }
  return seams;
}

function drawHeads(viewer) {
  const { parts, state, chosen, block, weights, geometry } = viewer;
  buildHeads(viewer);
  parts.headsTitle.textContent = `Heads of ${blockName(chosen)}${patternEdits(viewer).length ? ", edited" : ""}`;
  const first = weights.reduce((best, each) => (each.weight > best.weight ? each : best));
  const inWindow = weights.filter(({ window }) => window === first.window); // a region: where most of it lies
  const marks = { query: state.region ? null : first.query, seams: seamsOf(geometry, first.window) };
  for (const { head, tile, canvas, caption } of parts.tiles) {
    tile.setAttribute("aria-checked", String(head === state.head));
    tile.tabIndex = head === state.head ? 0 : -1;
    if (!block) { canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height); continue; }
    drawTile(canvas, attentionOf(block, inWindow, head, state.direction).get(first.window), geometry.side, marks);
    const entropy = statisticOf(block, "entropy", weights, head), distance = statisticOf(block, "distance", weights, head);
    caption.textContent = `${entropy.toFixed(1)} nat\u2009·\u2009${distance.toFixed(0)} px`;
    if (!viewer.resting) continue; // a hint need not follow every move
    tile.title = `${headName(head, chosen.heads)}: entropy ${entropy.toFixed(2)} nat (as wide as ${Math.exp(entropy).toFixed(1)} `
      + `equal keys), mean distance ${distance.toFixed(1)} px`;
  }
  if (block) follow(parts.heads, parts.tiles[state.head + 1].tile); // now that the captions have their height
}

function drawShares(viewer) {
  const { parts, state, block, weights, shares, opening, segmentation, geometry } = viewer;
  parts.sharesTitle.textContent = `Where the attention ${state.direction === "key" ? "comes from" : "goes"}`;
  if (!shares || !segmentation) return parts.shares.replaceChildren(note(viewer.trouble ?? "running the model …"));
  const { byClass, padding } = classShares(geometry, shares, segmentation.labels, opening.size, opening.classes.length);
  const rows = [...byClass].map((share, index) => ({ name: opening.classes[index], share, color: css(opening.palette[index]) }));
  const total = rows.reduce((sum, { share }) => sum + share, padding);
  rows.sort((a, b) => b.share - a.share);
  const shown = rows.slice(0, 5).filter(({ share }) => share >= 0.0005);
  if (padding > 0) shown.push({ name: "padding", share: padding });
  const bars = shown.map(({ name, share, color }) => make("div", { class: "swv-share" },
    make("span", { class: color ? "swv-swatch" : "swv-swatch swv-hatched", style: color && `background:${color}` }),
    make("span", {}, name),
    make("span", { class: "swv-bar" }, make("i", { style: `width:${(100 * share) / Math.max(total, 1e-9)}%` })),
    make("b", {}, formatShare(share))));
  if (state.direction === "key") bars.push(note("Each token's own attention sums to 1; here is what they give to this one."));
  else if (geometry.shift) bars.push(note(`across seams: ${formatShare(seamShare(block, weights, state.head))}`));
  return parts.shares.replaceChildren(...bars);
}

// Names, meanings, and which of the answer's divergences is theirs.
const SPLIT_NAMES = {
  content: ["content", "softmax of query · key alone", "content"],
  position: ["position", "softmax of the position bias alone", "position"],
  unmasked: ["no mask", "content and position, the mask off", "mask"],
};

/** The query's split: Python's, or what the file's content patterns give. {trouble}, or null while it is awaited. */
function splitNow(viewer) {
  const { state: { stage, block, y, x }, opening, resting, geometry } = viewer;
  if (!opening.kept) {
    const answer = resting ? want(viewer, "split", "split", { stage, block, y, x }) : null;
    if (!answer?.arrays) return answer;
    const { content, position, unmasked } = answer.arrays;
    return { ...answer.header, content: content.data, position: position.data, unmasked: unmasked.data };
  }
  const answer = want(viewer, "content", "content", { stage, block });
  if (!answer?.arrays || !viewer.block) return answer?.trouble ? answer : null;
  const { header: { span, divergence }, arrays: { levels } } = answer;
  const { window, query } = locate(geometry, y, x);
  return { window, query, divergence, ...splitOf(levels, span, viewer.block.bias.data, geometry.side, window, query) };
}

function drawSplit(viewer) {
  const { parts, state, chosen, geometry, shares } = viewer;
  if (patternEdits(viewer).length) return parts.split.replaceChildren(note("Known for the unedited model only."));
  if (state.region || state.direction === "key") return parts.split.replaceChildren(note("Known for a single query only, not for a region or a key."));
  const split = splitNow(viewer);
  if (split?.trouble) return parts.split.replaceChildren(note(split.trouble));
  parts.split.toggleAttribute("data-waiting", !split || !shares);
  if (!split || !shares) return undefined;
  const marks = { query: split.query, seams: seamsOf(geometry, split.window) };
  const tiles = Object.entries(SPLIT_NAMES).map(([part, [name, meaning, divergence]]) => {
    const canvas = make("canvas", { width: 64, height: 64, role: "img", "aria-label": `${name}: ${meaning}` });
    drawTile(canvas, meanRow(split[part], geometry.area, state.head), geometry.side, marks);
    const [nats] = meanRow(split.divergence[divergence], 1, state.head);
    return make("figure", { title: meaning }, canvas, make("figcaption", {}, name, make("small", {}, `KL ${nats.toFixed(2)} nat`)));
  });
  return parts.split.replaceChildren(...tiles, note(
    `What each part alone would attend, ${headName(state.head, chosen.heads)}; `
    + "KL: how far the pattern is from it, mean over the picture."));
}

function drawBias(viewer) {
  const { parts, state, block, chosen } = viewer;
  const key = `${state.stage}.${state.block}.${state.head}`;
  if (!block || parts.bias.dataset.shown === key) return;
  parts.bias.dataset.shown = key;
  const [, side] = block.bias.shape;
  const table = meanRow(block.bias.data, side * side, state.head);
  const peak = table.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-6);
  const small = bitmap([side, side], (data) => {
    for (let at = 0; at < table.length; at++) {
      data.set(colorOf(COLORS.signed, 0.5 + table[at] / (2 * peak)), 4 * at);
      data[4 * at + 3] = 255;
    }
  });
  [parts.bias.width, parts.bias.height] = [8 * side, 8 * side];
  const context = parts.bias.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, parts.bias.width, parts.bias.height);
  context.strokeStyle = "#000";
  context.strokeRect(4 * (side - 1) + 0.5, 4 * (side - 1) + 0.5, 7, 7);
  const name = headName(state.head, chosen.heads);
  parts.bias.setAttribute("aria-label", `Relative position bias, ${name}`);
  parts.biasText.textContent = `Added to the scores of keys around the query (the square), ${name}: `
    + `purple −${peak.toFixed(2)}, white 0, orange +${peak.toFixed(2)}.`;
}

// --- 11. Panels: what if -----------------------------------------------------------------------------------

function drawEdits(viewer) {
  const { parts, state, before, after } = viewer;
  for (const [name, box] of Object.entries(parts.edits)) box.checked = state.edits.includes(name);
  drawSilenced(viewer);
  parts.compare.hidden = !after;
  parts.compareText.hidden = !state.edits.length;
  parts.compareText.textContent = !after || !before ? viewer.trouble ?? "running the edited model …"
    : `before | after: ${after.flipped.toLocaleString("en")} of ${before.labels.length.toLocaleString("en")} pixels `
      + `(${formatShare(after.flipped / before.labels.length)}) change their class.`;
}

function drawSilenced(viewer) {
  const { parts, state, chosen } = viewer;
  const off = silenced(viewer);
  parts.silence.disabled = !off;
  parts.silence.textContent = !off ? "Choose a head to silence it"
    : `${state.edits.includes(off) ? "Restore" : "Silence"} head ${state.head} of ${blockName(chosen)}`;
  const names = state.edits.filter((name) => name.startsWith("off-"));
  if (parts.silent.dataset.shown === names.join()) return;
  parts.silent.dataset.shown = names.join();
  replaceChildren(parts.silent, names.map((name) => button(`${editName(name)} ×`, () => toggleEdit(viewer, name), {
    title: "restore this head (stage·block·head)",
  })), parts.over);
}

// --- 12. Panels: the strip of blocks -----------------------------------------------------------------------

/** The pixel whose strip is shown: the query, or in an offline file the nearest one that is kept. */
function stripPixel({ opening: { kept, size }, state }) {
  const stripEvery = kept?.strip_every;
  if (!stripEvery) return [state.y, state.x].map((at) => 4 * Math.floor(at / 4)); // the finest tokens are 4 px wide
  return [state.y, state.x].map((at, axis) =>
    Math.min(size[axis] - 1, stripEvery * Math.floor(at / stripEvery) + Math.floor(stripEvery / 2)));
}

/** A cell's picture without outlines: the image stepped back, the strip's map on it. */
function cellPicture({ strip, bitmaps, colors }, index, tall, wide) {
  const kept = strip?.arrays ? (strip.cells ??= []) : (bitmaps.cells ??= []), at = strip?.arrays ? index : 0;
  const theme = colors.veil;
  if (kept[at]?.width !== wide || kept[at]?.height !== tall || kept[at]?.theme !== theme) {
    const canvas = (kept[at] = Object.assign(make("canvas", { width: wide, height: tall }), { theme }));
    const context = canvas.getContext("2d");
    context.drawImage(bitmaps.image, 0, 0, wide, tall);
    context.fillStyle = colors.veil;
    context.fillRect(0, 0, wide, tall);
    if (strip?.arrays) context.drawImage(stripBitmap(strip, index), 0, 0, wide, tall);
  }
  return kept[at];
}

/** Ask for the strip: when the pointer rests, or at once where it is at hand; meanwhile the last one stays. */
function askForStrip(viewer) {
  const { opening: { kept }, state, resting } = viewer;
  if (kept ? !kept.strip_every : !resting) return;
  const [y, x] = stripPixel(viewer);
  const edits = asArgument(patternEdits(viewer));
  viewer.strip = want(viewer, "strip", "strip", { kind: state.strip, y, x, ...edits }) ?? viewer.strip;
}

function drawStrip(viewer) {
  const { parts, state, opening, film } = viewer;
  askForStrip(viewer);
  const shown = opening.kept?.strip_every ? stripPixel(viewer) : [state.y, state.x];
  parts.cells.forEach((each, index) => {
    const checked = each === viewer.chosen;
    each.cell.setAttribute("aria-checked", String(checked));
    each.cell.tabIndex = checked ? 0 : -1;
    each.cell.classList.toggle("swv-playing", index === film);
    drawCell(viewer, each, index, shown);
  });
  if (film == null) follow(parts.strip, viewer.chosen.cell);
  else showIn(parts.strip, parts.cells[film].cell);
  parts.gif.disabled = parts.play.disabled = !viewer.strip?.arrays;
  press(parts.kinds, state.strip);
  parts.play.textContent = film == null ? "▶ Play" : "■ Stop";
  parts.stripText.textContent = film != null ? filmText(viewer)
    : viewer.strip?.trouble ?? `${STRIP_NAMES[state.strip][1]}${state.region ? " For a region: of its middle." : ""}`;
}

const CELL_WIDTH = 80; // CSS pixels

/** A block's picture, and around the query's place in it the block's window. */
function drawCell(viewer, each, index, [y, x]) {
  const { canvas } = each;
  const density = pixelDensity();
  const [height, width] = viewer.opening.size;
  const wide = Math.round(CELL_WIDTH * density), scale = wide / width, tall = Math.round(height * scale);
  if (canvas.width !== wide || canvas.height !== tall) [canvas.width, canvas.height] = [wide, tall];
  const context = canvas.getContext("2d");
  context.drawImage(cellPicture(viewer, index, tall, wide), 0, 0);
  const outline = new Path2D(), geometry = editedGeometry(viewer, each);
  for (const { top, left, bottom, right } of rectangles(geometry, locate(geometry, y, x).window)) {
    outline.rect(...toDevice(scale, top, left, bottom, right));
  }
  context.strokeStyle = "#fff";
  context.lineWidth = density;
  context.stroke(outline);
}

function filmText({ strip, film, opening, state }) {
  const where = `After ${blockName(opening.blocks[film])}`;
  const share = strip?.header?.shares?.[film];
  if (share == null) return `${where} …`;
  if (state.strip === "reach") return `${where}, ${formatShare(share)} of the picture can influence the query's token.`;
  return `${where}, ${formatShare(1 - share)} of the query's token comes from the picture, ${formatShare(share)} went to padding.`;
}

// --- 13. Words about what is seen --------------------------------------------------------------------------

function drawWords(viewer) {
  const { parts, state, opening, geometry, pointer, segmentation } = viewer;
  const describe = (y, x) => {
    if (!segmentation) return "…";
    const index = y * opening.size[1] + x, { data, step } = segmentation.confidence;
    return `${opening.classes[segmentation.labels[index]]} (${formatShare(data[index] * step)} sure)`;
  };
  const { window } = locate(geometry, state.y, state.x);
  const role = state.direction === "query" ? "Query" : "Key";
  const words = state.region
    ? `Region of ${state.region[3] - state.region[1]} × ${state.region[2] - state.region[0]} px: `
      + `mean over ${viewer.weights.length} tokens.`
    : `${role} token (row ${Math.floor(state.y / geometry.stride)}, column ${Math.floor(state.x / geometry.stride)}), `
      + `pixel (y ${state.y}, x ${state.x}): ${describe(state.y, state.x)}. `
      + `Window ${window} of ${geometry.windows}, ${geometry.side} × ${geometry.side} tokens of ${geometry.stride} px.`;
  parts.readout.textContent = words + (pointer && (state.locked || state.region) ? underPointer(viewer, describe) : "");
  parts.scaleMax.textContent = scaleText(viewer);
  parts.hint.textContent = hintText(state);
  press(parts.ways, state.direction);
  for (const layer of LAYERS) parts.layers[layer].checked = state.layers.includes(layer);
}

/** What can be done next; that the query is locked is said in words, not only by a thicker frame. */
function hintText({ locked, region }) {
  if (region) return "A region is locked: click the picture or press Esc to drop it.";
  if (locked) return "Locked: click the picture or press Space to free the query.";
  return "Click to lock the query, drag to ask for a region; ? lists the keys.";
}

/** What the brightest color stands for. */
function scaleText({ film, strip, state, shares, peak }) {
  if (film == null) return shares ? `${formatShare(peak)} a token` : "…";
  if (state.strip === "reach") return "can influence";
  const { data, step } = strip?.arrays?.peaks ?? { data: [], step: 0 };
  return `${formatShare((data[film] * step) ** 2)} a patch (square root)`;
}

function underPointer({ pointer: [y, x], shares, geometry, state, opening }, describe) {
  const what = y < opening.size[0] && x < opening.size[1] ? describe(y, x) : "padding";
  const row = Math.floor(y / geometry.stride), column = Math.floor(x / geometry.stride);
  const onMap = row < geometry.paddedHeight && column < geometry.paddedWidth;
  const { window, query } = onMap ? placeOf(geometry, row, column) : {};
  const value = shares?.get(window)?.[query];
  if (value == null) return ` Under the pointer: ${what}, outside the window, no attention.`;
  return ` Under the pointer: ${formatShare(value)} on ${what}, ${Math.hypot(y - state.y, x - state.x).toFixed(0)} px away.`;
}

function announce(viewer) {
  const { parts, state, chosen } = viewer;
  requestAnimationFrame(() => requestAnimationFrame(() => { // after the picture
    parts.announce.textContent = `${parts.readout.textContent} ${blockName(chosen)}, ${headName(state.head, chosen.heads)}. `
      + [...parts.shares.querySelectorAll(".swv-share")].map((line) => line.textContent).join(", ");
  }));
}

// --- 14. Pointer and keys ----------------------------------------------------------------------------------

function toggleLayer(viewer, layer) {
  const { state } = viewer;
  state.layers = LAYERS.filter((each) => (each === layer) !== state.layers.includes(each));
  changed(viewer, "base");
}

function toggleEdit(viewer, name) {
  const { state, opening } = viewer;
  const others = state.edits.filter((each) => each !== name);
  if (others.length < state.edits.length) state.edits = others;
  else state.edits = opening.kept ? [name] : [...others, name].sort();
  changed(viewer, "base");
}

function reverse(viewer) {
  viewer.state.direction = viewer.state.direction === "query" ? "key" : "query";
  changed(viewer, "query");
}

function setLock(viewer, locked) {
  Object.assign(viewer.state, { locked, region: null });
  changed(viewer, "base");
  if (locked) announce(viewer);
}

/** The place changed: draw it now, and what Python must compute once the pointer rests. */
function moved(viewer) {
  clearTimeout(viewer.rest);
  viewer.resting = false;
  viewer.rest = setTimeout(() => { viewer.resting = true; changed(viewer, "query"); }, 150);
  changed(viewer, "query");
}

const FRAME_MILLISECONDS = 700;

function play(viewer) {
  clearInterval(viewer.playing);
  const last = viewer.parts.cells.length - 1;
  if (viewer.film != null) viewer.film = null;
  else {
    viewer.film = 0;
    viewer.playing = setInterval(() => {
      if (viewer.film < last) viewer.film += 1;
      else { viewer.film = null; clearInterval(viewer.playing); }
      changed(viewer, "query");
    }, FRAME_MILLISECONDS);
  }
  changed(viewer, "query");
}

/** The smallest box of whole pixels that holds two pixels: [top, left, bottom, right). */
const boxAround = ([y, x], [otherY, otherX]) =>
  [Math.min(y, otherY), Math.min(x, otherX), Math.max(y, otherY) + 1, Math.max(x, otherX) + 1];

function listenToPointer(viewer) {
  const { parts: { over }, state } = viewer;
  const at = (event) => {
    const box = over.getBoundingClientRect();
    const unit = extent(viewer)[1] / box.width;
    return [Math.floor((event.clientY - box.top) * unit), Math.floor((event.clientX - box.left) * unit)];
  };
  let pressed = null, dragged = false;
  over.addEventListener("pointermove", (event) => {
    const [y, x] = (viewer.pointer = at(event));
    if (pressed) {
      dragged ||= Math.hypot(event.clientY - pressed.clientY, event.clientX - pressed.clientX) > 6;
      if (dragged) Object.assign(state, { region: boxAround([y, x], at(pressed)), locked: true });
    } else if (!state.locked) Object.assign(state, { y, x });
    moved(viewer);
  });
  over.addEventListener("pointerdown", (event) => {
    [pressed, dragged] = [event, false];
    over.setPointerCapture(event.pointerId);
  });
  over.addEventListener("pointerup", (event) => {
    if (!pressed) return;
    pressed = null;
    if (dragged) { announce(viewer); return; }
    const touch = event.pointerType === "touch"; // a finger cannot hover: every tap asks anew
    const lock = touch || !state.locked;
    if (lock) [state.y, state.x] = at(event);
    moved(viewer);
    setLock(viewer, lock);
  });
  over.addEventListener("pointercancel", () => { pressed = null; }); // a finger that scrolls the page
  over.addEventListener("pointerleave", () => { viewer.pointer = null; changed(viewer, "query"); });
}

function stepBlock(viewer, by) {
  const { state, parts: { cells } } = viewer;
  const index = Math.max(0, Math.min(cells.length - 1, cells.indexOf(viewer.chosen) + by));
  Object.assign(state, { stage: cells[index].stage, block: cells[index].block });
  changed(viewer, "base");
}

function stepHead(viewer, by) {
  viewer.state.head += by;
  changed(viewer, "query");
}

function moveQuery(viewer, down, right, byWindow) {
  const { state, geometry: { stride, side } } = viewer;
  const by = stride * (byWindow ? side : 1);
  Object.assign(state, { y: state.y + down * by, x: state.x + right * by, region: null, locked: true });
  moved(viewer);
}

/** Widen the query by so many tokens on each side, to a region; narrow it until it is a single token again. */
function widen(viewer, tokens) {
  const { state, geometry: { stride } } = viewer;
  const [top, left, bottom, right] = state.region ?? queryBox(viewer);
  const by = tokens * stride;
  const region = [top - by, left - by, bottom + by, right + by];
  if (Math.min(region[2] - region[0], region[3] - region[1]) > stride) Object.assign(state, { region, locked: true });
  else state.region = null;
  moved(viewer);
}

const ACTIONS = {
  "[": (viewer) => stepBlock(viewer, -1),
  "]": (viewer) => stepBlock(viewer, 1),
  ",": (viewer) => stepHead(viewer, -1),
  ".": (viewer) => stepHead(viewer, 1),
  "+": (viewer) => widen(viewer, 1),
  "-": (viewer) => widen(viewer, -1),
  " ": (viewer) => setLock(viewer, !viewer.state.locked),
  Escape: (viewer) => setLock(viewer, false),
  r: reverse,
  m: play,
  g: (viewer) => toggleLayer(viewer, "grid"),
  h: (viewer) => toggleLayer(viewer, "shifted"),
  s: (viewer) => toggleLayer(viewer, "seams"),
  p: (viewer) => toggleLayer(viewer, "padding"),
  o: (viewer) => toggleLayer(viewer, "outlines"),
  "?": ({ parts }) => parts.help.showModal(),
  ArrowUp: (viewer, shift) => moveQuery(viewer, -1, 0, shift),
  ArrowDown: (viewer, shift) => moveQuery(viewer, 1, 0, shift),
  ArrowLeft: (viewer, shift) => moveQuery(viewer, 0, -1, shift),
  ArrowRight: (viewer, shift) => moveQuery(viewer, 0, 1, shift),
};

/** Steps through a group of radio buttons, of which only the chosen one can be reached with Tab. */
const RADIO_STEPS = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 };

/** What a key does, or null where it belongs to the focused control: Space and Enter to all, arrows to some. */
function actionOf({ parts }, { key, target }) {
  const control = target.closest("input, button");
  if (control && (key === " " || key === "Enter" || (control.type === "range" && key.startsWith("Arrow")))) return null;
  const by = RADIO_STEPS[key];
  if (by && parts.strip.contains(target)) return (viewer) => stepBlock(viewer, by);
  if (by && parts.heads.contains(target)) return (viewer) => stepHead(viewer, by);
  return ACTIONS[key] ?? ACTIONS[key.toLowerCase()] ?? null;
}

function listenToKeys(viewer) {
  const { root, parts } = viewer;
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || parts.help.open) return;
    const action = actionOf(viewer, event);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // a notebook has single-letter commands of its own
    action(viewer, event.shiftKey);
    announce(viewer);
  });
}

// --- 15. Saving what is seen -------------------------------------------------------------------------------

/** How big a saved picture's caption is, and its lines, broken between its parts where they would not fit. */
export function captionLayout(parts, width) {
  const size = Math.max(11, Math.round(width / 48)), letters = width / (0.58 * size);
  const lines = [];
  for (const part of parts) {
    if (lines.length && lines.at(-1).length + part.length + 2 <= letters) lines.push(`${lines.pop()}, ${part}`);
    else lines.push(part);
  }
  return { size, lines, height: (1.5 * lines.length + 1) * size };
}

/** Where a caption's line begins, below a picture of this height: [x, y] of its base line. */
const lineAt = (index, height, size) => [0.5 * size, height + (1.5 * index + 1.5) * size];

/** Both canvases as one, with a caption below that says what is seen. */
function composite(viewer) {
  const { parts, colors } = viewer;
  const { width, height } = parts.base;
  const caption = captionLayout(captionOf(viewer), width);
  const canvas = make("canvas", { width, height: Math.ceil(height + caption.height) });
  const context = canvas.getContext("2d");
  context.fillStyle = colors.page;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(parts.base, 0, 0);
  context.drawImage(parts.over, 0, 0);
  context.fillStyle = colors.text;
  context.font = `${caption.size}px system-ui, sans-serif`;
  caption.lines.forEach((line, index) => context.fillText(line, ...lineAt(index, height, caption.size), width - caption.size));
  return canvas;
}

/** What a saved picture shows, in parts. */
function captionOf(viewer) {
  const { opening, chosen, state } = viewer;
  const what = state.region ? `region [${state.region.join(", ")}]` : `${state.direction} y ${state.y}, x ${state.x}`;
  const block = `${blockName(chosen)} (${kindOf(editedGeometry(viewer, chosen))}-MSA)`;
  return [opening.title, block, headName(state.head, chosen.heads), what, ...state.edits.map(editName), `brightest ${scaleText(viewer)}`];
}

function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const fileName = ({ state }, ending) => `attention-${state.stage}-${state.block}-y${state.y}-x${state.x}.${ending}`;

function savePng(viewer) {
  composite(viewer).toBlob((blob) => download(blob, fileName(viewer, "png")));
}

/** The picture as an SVG: the photograph as pixels, everything above it as shapes. */
export function svgOf({ width, height, picture, shapes, heat, caption, colors }) {
  const { size, lines: words, height: below } = captionLayout(caption, width);
  const box = ([x, y, w, h]) => `x="${x}" y="${y}" width="${w}" height="${h}"`;
  const escape = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  const outlines = [...(shapes.spread ? [] : shapes.boxes), shapes.place].flatMap((each) => [
    `<rect ${box(each)} fill="none" stroke="#000" stroke-opacity="0.55" stroke-width="4"/>`,
    `<rect ${box(each)} fill="none" stroke="#fff" stroke-width="2"/>`,
  ]);
  const hole = shapes.boxes.map(([x, y, w, h]) => `M${x} ${y}h${w}v${h}h${-w}z`).join("");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height + below}">`,
    `<title>${escape(caption.join(", "))}</title>`,
    `<rect width="${width}" height="${height + below}" fill="${colors.page}"/>`,
    `<image width="${width}" height="${height}" href="${picture}"/>`,
    shapes.spread ? "" : `<path d="M0 0h${width}v${height}h${-width}z${hole}" fill="${colors.veil}" fill-rule="evenodd"/>`,
    `<g fill-opacity="${heat}" shape-rendering="crispEdges">`,
    ...shapes.tokens.map(({ box: each, color }) => `<rect ${box(each)} fill="${color}"/>`),
    "</g>",
    ...outlines,
    `<g font-family="system-ui, sans-serif" font-size="${size}" fill="${colors.text}">`,
    ...words.map((line, index) => {
      const [x, y] = lineAt(index, height, size);
      return `<text x="${x}" y="${y}">${escape(line)}</text>`;
    }),
    "</g>",
    "</svg>",
  ].join("\n");
}

function saveSvg(viewer) {
  const { parts, state, colors } = viewer;
  const { width, height } = parts.base;
  const text = svgOf({
    width, height, picture: parts.base.toDataURL("image/png"), shapes: shapesOver(viewer),
    heat: state.heat, caption: captionOf(viewer), colors,
  });
  download(new Blob([text], { type: "image/svg+xml" }), fileName(viewer, "svg"));
}

async function copyPermalink(viewer) {
  const text = formatState(viewer.state);
  try {
    await navigator.clipboard.writeText(text);
    viewer.parts.saved.textContent = "copied; explore(model, image, state=…) takes it";
  } catch { // no clipboard without permission: show it instead
    viewer.parts.saved.textContent = text;
  }
}

// --- 16. GIF -----------------------------------------------------------------------------------------------

/** The strip as an animated GIF, one frame a block. */
function saveGif(viewer) {
  const { opening, bitmaps, strip, state } = viewer;
  if (!strip?.arrays) return;
  const [tall, wide] = opening.size, shrink = Math.min(1, 480 / Math.max(tall, wide));
  const [height, width] = [tall, wide].map((side) => Math.max(1, Math.round(side * shrink)));
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const frames = opening.blocks.map((each, index) => {
    context.globalAlpha = 1;
    context.drawImage(bitmaps.image, 0, 0, width, height);
    context.globalAlpha = state.heat;
    context.imageSmoothingEnabled = false;
    context.drawImage(stripBitmap(strip, index), 0, 0, width, height);
    context.globalAlpha = 1;
    context.font = "13px system-ui, sans-serif";
    const text = `${blockName(each)} (${kindOf(makeGeometry(each.geometry))})`;
    context.fillStyle = "rgba(0, 0, 0, 0.6)";
    context.fillRect(0, height - 22, context.measureText(text).width + 16, 22);
    context.fillStyle = "#fff";
    context.fillText(text, 8, height - 7);
    return toPalette(context.getImageData(0, 0, width, height).data, width);
  });
  const bytes = encodeGif(width, height, GIF_PALETTE, frames, FRAME_MILLISECONDS / 10);
  download(new Blob([bytes], { type: "image/gif" }), fileName(viewer, "gif"));
}

// A GIF has 256 colors: 6 reds, 7 greens, 6 blues, closer together in the dark, where most of a strip lies,
// with an ordered pattern of dots between them.
const GIF_GAMMA = 1.7;
const GIF_PALETTE = Uint8Array.from({ length: 768 }, (_, at) => {
  const index = Math.floor(at / 3), levels = [Math.floor(index / 42) / 5, (Math.floor(index / 6) % 7) / 6, (index % 6) / 5];
  return Math.round(255 * levels[at % 3] ** GIF_GAMMA);
});
const BAYER = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];

function toPalette(pixels, width) {
  return Uint8Array.from({ length: pixels.length / 4 }, (_, index) => {
    const dot = (BAYER[4 * (Math.floor(index / width) % 4) + ((index % width) % 4)] + 0.5) / 16;
    const level = (channel, steps) => Math.min(steps, Math.floor((pixels[4 * index + channel] / 255) ** (1 / GIF_GAMMA) * steps + dot));
    return 42 * level(0, 5) + 6 * level(1, 6) + level(2, 5);
  });
}

/**
 * An endless animated GIF (GIF89a). palette: 768 bytes RGB; frames: one palette index a pixel;
 * delay in hundredths of a second.
 */
export function encodeGif(width, height, palette, frames, delay) {
  const bytes = [];
  const text = (letters) => bytes.push(...[...letters].map((letter) => letter.charCodeAt(0)));
  const short = (value) => bytes.push(value & 255, (value >> 8) & 255);
  text("GIF89a");
  short(width);
  short(height);
  bytes.push(0xf7, 0, 0, ...palette);
  bytes.push(0x21, 0xff, 11);
  text("NETSCAPE2.0");
  bytes.push(3, 1, 0, 0, 0); // repeat for ever
  for (const frame of frames) {
    bytes.push(0x21, 0xf9, 4, 4);
    short(Math.round(delay));
    bytes.push(0, 0, 0x2c, 0, 0, 0, 0);
    short(width);
    short(height);
    bytes.push(0, 8);
    const packed = lzw(frame);
    for (let at = 0; at < packed.length; at += 255) {
      const part = packed.subarray(at, at + 255);
      bytes.push(part.length, ...part);
    }
    bytes.push(0);
  }
  bytes.push(0x3b);
  return Uint8Array.from(bytes);
}

/** GIF's variant of LZW for 8-bit indices: codes grow from 9 to 12 bits, then the table starts anew. */
function lzw(indices) {
  const CLEAR = 256, END = 257;
  const out = [];
  let buffer = 0, filled = 0, width = 9, table = new Map(), next = 258;
  const emit = (code) => {
    buffer |= code << filled;
    filled += width;
    while (filled >= 8) { out.push(buffer & 255); buffer >>>= 8; filled -= 8; }
  };
  emit(CLEAR);
  let prefix = indices[0];
  for (let at = 1; at < indices.length; at++) {
    const key = (prefix << 8) | indices[at];
    if (table.has(key)) { prefix = table.get(key); continue; }
    emit(prefix);
    if (next === 4096) {
      emit(CLEAR);
      [table, next, width] = [new Map(), 258, 9];
    } else {
      table.set(key, next);
      if (next === 1 << width) width += 1;
      next += 1;
    }
    prefix = indices[at];
  }
  emit(prefix);
  emit(END);
  if (filled) out.push(buffer & 255);
  return Uint8Array.from(out);
}

// --- 17. Entry points --------------------------------------------------------------------------------------

/**
 * Put a viewer into an element.
 *
 * transport: {request(name, args) -> Promise<{header, arrays}>, close()}.
 * options: state, a permalink string to begin with; onstate(permalink), called when it changes.
 * Returns {root, state, permalink(), set(fields), close()}.
 */
export async function mount(element, transport, { state: text = "", onstate = null } = {}) {
  const root = make("div", { class: "swinviz-explorer", "data-ready": "false" }, note("opening …"));
  element.replaceChildren(root);
  const remembered = remember(transport);
  let answer;
  try {
    answer = await remembered.request("open", {});
  } catch (error) {
    root.replaceChildren(make("p", { class: "swv-note", role: "alert" }, `The viewer could not open: ${error.message}`));
    throw error;
  }
  const opening = { ...answer.header, arrays: answer.arrays };
  const viewer = makeViewer(root, opening, remembered, clampState(firstState(text, opening), opening), onstate);
  buildPage(viewer);
  const forgetTheme = followTheme(viewer);
  listenToPointer(viewer);
  listenToKeys(viewer);
  const resized = new ResizeObserver(() => changed(viewer, "base"));
  resized.observe(root);
  changed(viewer, "base");
  return {
    root, state: viewer.state,
    permalink: () => formatState(viewer.state),
    set: (fields) => { Object.assign(viewer.state, fields); changed(viewer, "base"); },
    lastDraw: () => viewer.lastDraw,
    close() {
      forgetTheme();
      resized.disconnect();
      clearTimeout(viewer.rest);
      clearInterval(viewer.playing);
      cancelAnimationFrame(viewer.frame);
      remembered.close();
      element.replaceChildren();
    },
  };
}

/** Follow the host's theme: JupyterLab, VS Code and Gradio mark the body; a file follows the system. */
function followTheme(viewer) {
  const { root } = viewer;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => {
    const { body, documentElement } = document;
    if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
    if (body.dataset.vscodeThemeKind) return /dark|high-contrast$/.test(body.dataset.vscodeThemeKind);
    if (document.querySelector("gradio-app, .gradio-container")) return body.matches(".dark") || documentElement.matches(".dark");
    return system.matches;
  };
  const update = () => {
    root.dataset.theme = isDark() ? "dark" : "light";
    const style = getComputedStyle(root);
    const names = ["page", "panel", "line", "text", "veil"];
    viewer.colors = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--swv-${name}`).trim()]));
    if (viewer.chosen) changed(viewer, "base");
  };
  const observer = new MutationObserver(update);
  for (const node of [document.body, document.documentElement]) observer.observe(node, { attributes: true });
  system.addEventListener("change", update);
  update();
  return () => { observer.disconnect(); system.removeEventListener("change", update); };
}

/** What one viewer knows; all that is drawn follows from it. `look` adds what is attended now. */
function makeViewer(root, opening, transport, state, onstate) {
  return {
    root, opening, transport, onstate,
    state, // what a permalink holds; the rest can be found again
    parts: {}, // elements of the page by name
    bitmaps: { image: paintImage(opening) }, // canvases of one pixel an input pixel
    pointer: null, // [y, x] under the mouse
    resting: true, // the pointer has not moved for a while: Python may be asked
    film: null, // the block that is played now
    asked: {}, got: {}, // by slot: the last request, and the last answer with its request
    stale: new Set(), frame: 0, lastDraw: 0, // what to draw in the next frame; milliseconds that the last one took
  };
}

/** Begin in the middle of the picture and deep in the model, unless the permalink says otherwise. */
function firstState(text, { size, blocks }) {
  const state = parseState(text);
  const given = new URLSearchParams(text);
  if (!given.has("y") && !given.has("x")) [state.y, state.x] = size.map((side) => Math.floor(side / 2));
  if (!given.has("stage") && !given.has("block")) {
    const { stage } = blocks[blocks.length - 1];
    const { block } = blocks.filter((each) => each.stage === Math.max(0, stage - 1)).at(-1) ?? blocks[0];
    Object.assign(state, { stage: Math.max(0, stage - 1), block });
  }
  return state;
}

/** anywidget's entry point. */
async function render({ model, el }) {
  const onstate = (state) => { model.set("state", state); model.save_changes(); };
  const viewer = await mount(el, widgetTransport(model), { state: model.get("state"), onstate });
  return () => viewer.close();
}

export default { render };
