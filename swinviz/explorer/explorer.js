/**
 * The attention explorer: hover a pixel, see what it attends to.
 *
 * One module for three hosts (notebook, app, offline file). What differs between hosts is a *transport*: an
 * object with `request(name, args) -> Promise<{header, arrays}>`. Everything the viewer knows about itself is
 * one plain `state` object; `formatState` writes it into a permalink and `parseState` reads it back.
 *
 * The only mathematics here are indices and sums over stored rows, and they mirror swinviz/geometry.py and
 * swinviz/attention/maps.py; tests hold the two equal. Everything else is asked from Python.
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

/** Window and place inside it of the token that covers input pixel (y, x), or null outside the map. */
export function locate(geometry, y, x) {
  const { side, shift, stride, paddedHeight, paddedWidth, columns } = geometry;
  const row = Math.floor(y / stride), column = Math.floor(x / stride);
  if (row < 0 || column < 0 || row >= geometry.height || column >= geometry.width) return null;
  const down = (row - shift + paddedHeight) % paddedHeight;
  const right = (column - shift + paddedWidth) % paddedWidth;
  return {
    window: Math.floor(down / side) * columns + Math.floor(right / side),
    query: (down % side) * side + (right % side),
  };
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

// --- 2. Reading a block's rows ----------------------------------------------------------------------------

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

/**
 * Attention of a place, window by window: what its tokens look at (direction "query"), or who looks at them
 * ("key"). The mean over `weights`, and over all heads when head is -1.
 *
 * Returns a Map from window to Float32Array(N), the shares of the window's places.
 */
export function attentionOf(block, weights, head, direction = "query") {
  const add = direction === "key" ? addColumn : addRow;
  const heads = head >= 0 ? [head] : Array.from({ length: block.heads }, (_, index) => index);
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
  const heads = head >= 0 ? [head] : Array.from({ length: block.heads }, (_, index) => index);
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
  const { geometry } = block;
  if (!geometry.shift) return 0;
  let across = 0;
  for (const weight of weights) {
    const region = regionAt(geometry, weight.window, weight.query);
    const [row] = attentionOf(block, [weight], head).values();
    for (let key = 0; key < geometry.area; key++) {
      if (regionAt(geometry, weight.window, key) !== region) across += row[key];
    }
  }
  return across;
}

// --- 3. Colours -------------------------------------------------------------------------------------------

// matplotlib's magma and (diverging) ColorBrewer PuOr as evenly spaced control points; perceptually even,
// readable in gray and with colour-blind eyes. 33 points of magma are within 1.3 of 255 levels everywhere.
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

export const COLOURS = { attention: ramp(MAGMA), signed: ramp(PURPLE_ORANGE) };

/** [r, g, b] of a value 0..1. */
export function colourOf(table, value) {
  const level = 3 * Math.max(0, Math.min(255, Math.round(255 * value)));
  return [table[level], table[level + 1], table[level + 2]];
}

const css = ([red, green, blue], alpha = 1) => `rgba(${red}, ${green}, ${blue}, ${alpha})`;

// --- 4. Messages and transports ---------------------------------------------------------------------------

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
      if (!text) throw new Error("not kept in this file");
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

// --- 5. State and permalink -------------------------------------------------------------------------------

export const LAYERS = ["grid", "shifted", "seams", "padding", "outlines"];

export function initialState() {
  return {
    stage: 0, block: 0, head: -1, y: 0, x: 0, locked: false, region: null, direction: "query",
    segmentation: 0.35, heat: 0.8, layers: [], strip: "rollout", edits: [], compare: 0.5,
  };
}

/** State as a string: the fields that differ from the initial state. */
export function formatState(state) {
  const initial = initialState();
  const text = (value) => (Array.isArray(value) ? value.join(".") : String(value));
  const pairs = Object.keys(initial).filter((key) => text(state[key]) !== text(initial[key]));
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

/** Make a state possible for this picture and model: indices in range, the query on the image. */
export function clampState(state, opening) {
  const within = (value, low, high) => Math.max(low, Math.min(high, Math.round(value)));
  const blocks = opening.blocks;
  const chosen = blocks.find(({ stage, block }) => stage === state.stage && block === state.block) ?? blocks[0];
  state.stage = chosen.stage;
  state.block = chosen.block;
  state.head = within(state.head, -1, chosen.heads - 1);
  state.y = within(state.y, 0, opening.size[0] - 1);
  state.x = within(state.x, 0, opening.size[1] - 1);
  state.segmentation = Math.max(0, Math.min(1, state.segmentation));
  state.heat = Math.max(0, Math.min(1, state.heat));
  state.compare = Math.max(0, Math.min(1, state.compare));
  if (state.direction !== "key") state.direction = "query";
  if (state.strip !== "reach") state.strip = "rollout";
  if (state.region) {
    const [top, left, bottom, right] = state.region;
    const box = [within(top, 0, opening.size[0]), within(left, 0, opening.size[1]),
      within(bottom, 0, opening.size[0]), within(right, 0, opening.size[1])];
    state.region = box[2] > box[0] && box[3] > box[1] ? box : null;
  }
  return state;
}

// --- 6. Words and numbers ---------------------------------------------------------------------------------

/** A share 0..1 as a person reads it: "38 %", "4.2 %", "< 0.1 %". */
export function formatShare(share) {
  const percent = 100 * share;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

const kindOf = (geometry) => (geometry.shift ? "SW" : "W");
const blockName = ({ stage, block }) => `stage ${stage}, block ${block}`;
const headName = (head, heads) => (head < 0 ? `mean of ${heads} heads` : `head ${head}`);

// --- 7. The page ------------------------------------------------------------------------------------------

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

const LAYER_NAMES = {
  grid: ["Windows", "the regular windows of W-MSA blocks"],
  shifted: ["Shifted windows", "the windows of SW-MSA blocks, moved by half a window"],
  seams: ["Seams", "where the shift brings together parts that may not attend to each other"],
  padding: ["Padding", "tokens beyond the image that fill up the last windows; they are attended"],
  outlines: ["Outlines", "borders between the predicted classes"],
};

const KEYS = [
  ["← ↑ → ↓", "move the query by one token (with Shift: by one window)"],
  ["[  ]", "previous, next block"],
  [",  .", "previous, next head (before head 0: the mean of all)"],
  ["Space", "lock or free the query"],
  ["R", "reverse: who looks at this token?"],
  ["G  H  S  P  O", "windows, shifted windows, seams, padding, outlines"],
  ["Esc", "free the query, drop the region"],
  ["?", "this help"],
];

function buildPage(viewer) {
  const { root, state, opening } = viewer;
  const parts = (viewer.parts = {});
  parts.base = make("canvas", { class: "swv-base", "aria-hidden": "true" });
  parts.over = make("canvas", {
    class: "swv-over", tabindex: "0", role: "application", "aria-roledescription": "attention map",
    "aria-label": "Image. Arrow keys move the query, space locks it, question mark shows all keys.",
  });
  parts.picture = make("div", { class: "swv-picture" }, parts.base, parts.over);
  parts.readout = make("p", { class: "swv-readout" });
  parts.announce = make("p", { class: "swv-hidden", "aria-live": "polite" });
  parts.scale = make("canvas", { class: "swv-scale", width: 256, height: 1, "aria-hidden": "true" });
  parts.scaleMax = make("span");
  const slider = (label, name) => make("label", { class: "swv-slider" }, label, make("input", {
    type: "range", min: 0, max: 1, step: 0.05, value: state[name], "aria-label": `${label} opacity`,
    oninput: (event) => { state[name] = Number(event.target.value); changed(viewer, "base"); },
  }));
  parts.layers = Object.fromEntries(LAYERS.map((layer) => [layer, make("input", {
    type: "checkbox", onchange: () => toggleLayer(viewer, layer),
  })]));
  parts.direction = make("button", {
    type: "button", class: "swv-toggle", title: "Swap the roles of query and key (R)", onclick: () => reverse(viewer),
  });
  parts.help = make("dialog", { class: "swv-help", "aria-label": "Keys" },
    make("h3", {}, "Keys"),
    make("dl", {}, KEYS.flatMap(([keys, meaning]) => [make("dt", {}, keys), make("dd", {}, meaning)])),
    make("p", {}, "Hover to look, click to lock, click again to free. Drag a rectangle to ask for a region."),
    make("form", { method: "dialog" }, make("button", { class: "swv-toggle" }, "Close")));
  parts.heads = make("div", { class: "swv-heads", role: "radiogroup", "aria-label": "Heads" });
  parts.headsTitle = make("h3");
  parts.shares = make("div", { class: "swv-shares" });
  parts.bias = make("canvas", { class: "swv-bias", role: "img" });
  parts.biasText = make("p", { class: "swv-note" });
  parts.strip = make("div", { class: "swv-strip", role: "radiogroup", "aria-label": "Blocks" });
  const [height, width] = opening.size;
  root.replaceChildren(
    make("header", { class: "swv-header" },
      make("strong", {}, opening.title),
      make("span", { class: "swv-note" }, `${width} × ${height} px, as the model sees it`),
      make("span", { class: "swv-space" }), parts.direction,
      make("button", { type: "button", class: "swv-toggle", "aria-label": "Keys", onclick: () => parts.help.showModal() }, "?")),
    make("div", { class: "swv-main" },
      make("section", { class: "swv-left", "aria-label": "Picture" },
        parts.picture, parts.readout,
        make("div", { class: "swv-controls" },
          slider("Segmentation", "segmentation"), slider("Attention", "heat"),
          make("span", { class: "swv-legend" }, "0", parts.scale, parts.scaleMax)),
        make("div", { class: "swv-controls" }, LAYERS.map((layer) => make("label", { title: LAYER_NAMES[layer][1] },
          parts.layers[layer], LAYER_NAMES[layer][0])))),
      make("section", { class: "swv-right", "aria-label": "Heads and shares" },
        parts.headsTitle, parts.heads,
        make("h3", {}, "Where the attention goes"), parts.shares,
        make("h3", {}, "Position bias"), make("div", { class: "swv-pair" }, parts.bias, parts.biasText))),
    make("section", { class: "swv-below", "aria-label": "Blocks" }, parts.strip),
    parts.announce, parts.help);
  const context = parts.scale.getContext("2d");
  for (let level = 0; level < 256; level++) {
    context.fillStyle = css(colourOf(COLOURS.attention, level / 255));
    context.fillRect(level, 0, 1, 1);
  }
  buildStrip(viewer);
}

function buildStrip(viewer) {
  const { parts, opening, state } = viewer;
  let stage = -1, group;
  parts.cells = opening.blocks.map((each) => {
    if (each.stage !== stage) {
      stage = each.stage;
      group = make("div", { class: "swv-stage" });
      const { height, width } = each.geometry;
      parts.strip.append(make("div", { class: "swv-stage-box" },
        make("span", { class: "swv-note" }, `Stage ${stage} · ${width} × ${height} tokens`), group));
    }
    const canvas = make("canvas", { "aria-hidden": "true" });
    const kind = kindOf(makeGeometry(each.geometry));
    const cell = make("button", {
      type: "button", role: "radio", class: "swv-cell", "aria-label": `${blockName(each)}, ${kind}-MSA`,
      onclick: () => { Object.assign(state, { stage: each.stage, block: each.block }); changed(viewer, "block"); },
    }, canvas, make("span", {}, String(each.block), make("small", {}, kind)));
    group.append(cell);
    return { ...each, geometry: makeGeometry(each.geometry), cell, canvas };
  });
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
  parts.heads.replaceChildren(...parts.tiles.map(({ tile }) => tile));
}

// --- 8. Drawing -------------------------------------------------------------------------------------------

/** Height and width, in input pixels, of what the picture shows: the image, or it and all its padding. */
function extent(viewer) {
  const [height, width] = viewer.opening.size;
  if (!viewer.state.layers.includes("padding")) return [height, width];
  return viewer.parts.cells.reduce(([tall, wide], { geometry }) => [
    Math.max(tall, geometry.paddedHeight * geometry.stride), Math.max(wide, geometry.paddedWidth * geometry.stride),
  ], [height, width]);
}

/** Fit both canvases to the column; returns device pixels per input pixel. */
function fit(viewer) {
  const { parts, opening } = viewer;
  const [height, width] = extent(viewer);
  const room = Math.max(120, parts.picture.parentElement.clientWidth);
  const shown = Math.min(room, (MAX_PICTURE_HEIGHT * width) / height);
  const density = Math.min(2, window.devicePixelRatio || 1);
  const scale = (shown * density) / width;
  for (const canvas of [parts.base, parts.over]) {
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    canvas.style.width = `${w / density}px`;
    canvas.style.height = `${h / density}px`;
  }
  parts.picture.style.width = parts.base.style.width;
  parts.picture.style.height = parts.base.style.height;
  viewer.scale = scale;
  viewer.shownSize = opening.size;
}

const MAX_PICTURE_HEIGHT = 640;

/** A canvas that holds an RGBA picture made pixel by pixel: paint(index) -> [r, g, b, a]. */
function bitmap([height, width], paint) {
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  const data = context.createImageData(width, height);
  for (let index = 0; index < width * height; index++) data.data.set(paint(index), 4 * index);
  context.putImageData(data, 0, 0);
  return canvas;
}

function makeBitmaps(viewer) {
  const { opening } = viewer;
  const rgb = opening.arrays.image.data, labels = opening.arrays.labels.data, [height, width] = opening.size;
  const differs = (index) => (index % width < width - 1 && labels[index] !== labels[index + 1])
    || (index < width * (height - 1) && labels[index] !== labels[index + width]);
  viewer.bitmaps = {
    image: bitmap(opening.size, (index) => [rgb[3 * index], rgb[3 * index + 1], rgb[3 * index + 2], 255]),
    labels: bitmap(opening.size, (index) => [...opening.palette[labels[index]], 255]),
    outlines: bitmap(opening.size, (index) => (differs(index) ? [255, 255, 255, 255] : [0, 0, 0, 0])),
  };
}

function drawBase(viewer) {
  const { parts, state, bitmaps, scale, opening, chosen } = viewer;
  const context = parts.base.getContext("2d");
  const [height, width] = opening.size.map((side) => Math.round(side * scale));
  context.clearRect(0, 0, parts.base.width, parts.base.height);
  if (state.layers.includes("padding")) drawPadding(viewer, context);
  context.drawImage(bitmaps.image, 0, 0, width, height);
  context.globalAlpha = state.segmentation;
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmaps.labels, 0, 0, width, height);
  context.globalAlpha = 1;
  if (state.layers.includes("outlines")) context.drawImage(bitmaps.outlines, 0, 0, width, height);
  const { geometry } = chosen;
  if (state.layers.includes("grid")) drawGrid(viewer, context, geometry, 0);
  if (state.layers.includes("shifted")) drawGrid(viewer, context, geometry, Math.floor(geometry.side / 2));
  if (state.layers.includes("seams") && geometry.shift) drawSeams(viewer, context, geometry);
}

function drawPadding(viewer, context) {
  const { scale, chosen, colours } = viewer;
  const { paddedHeight, paddedWidth, stride } = chosen.geometry;
  const [height, width] = [paddedHeight, paddedWidth].map((side) => side * stride * scale);
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  context.fillStyle = colours.panel;
  context.fillRect(0, 0, width, height);
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -height; at < width; at += 8) { context.moveTo(at, height); context.lineTo(at + height, 0); }
  context.stroke();
  context.restore();
}

/** Lines twice: dark below, light above, so that they show on any picture. */
function strokeTwice(context, path, width, dash = []) {
  context.setLineDash(dash);
  for (const [colour, wide] of [["rgba(0, 0, 0, 0.55)", width + 2], ["rgba(255, 255, 255, 0.95)", width]]) {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.stroke(path);
  }
  context.setLineDash([]);
}

function gridLines(viewer, geometry, rows, columns) {
  const { scale } = viewer;
  const [height, width] = extent(viewer).map((side) => side * scale);
  const path = new Path2D();
  const unit = geometry.stride * scale;
  for (const row of rows) { path.moveTo(0, row * unit); path.lineTo(Math.min(width, geometry.paddedWidth * unit), row * unit); }
  for (const column of columns) {
    path.moveTo(column * unit, 0);
    path.lineTo(column * unit, Math.min(height, geometry.paddedHeight * unit));
  }
  return path;
}

function drawGrid(viewer, context, geometry, shift) {
  const starts = (length) => {
    const lines = [];
    for (let at = shift; at <= length; at += geometry.side) lines.push(at);
    return lines;
  };
  const path = gridLines(viewer, geometry, starts(geometry.paddedHeight), starts(geometry.paddedWidth));
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

function drawSeams(viewer, context, geometry) {
  const { side, shift, paddedHeight, paddedWidth } = geometry;
  const lines = (length) => [shift, length - side + shift];
  strokeTwice(context, gridLines(viewer, geometry, lines(paddedHeight), lines(paddedWidth)), 2, [2, 5]);
}

/** The box of input pixels [top, left, bottom, right) in whole device pixels, so that tokens meet exactly. */
function toDevice(viewer, top, left, bottom, right) {
  const [y, x] = [Math.round(top * viewer.scale), Math.round(left * viewer.scale)];
  return [x, y, Math.round(right * viewer.scale) - x, Math.round(bottom * viewer.scale) - y];
}

function drawOver(viewer) {
  const { parts, state, chosen, colours, shares, weights } = viewer;
  const { geometry } = chosen;
  const context = parts.over.getContext("2d");
  context.clearRect(0, 0, parts.over.width, parts.over.height);
  const boxes = [...new Set(weights.map(({ window }) => window))].flatMap((window) => rectangles(geometry, window));
  const region = state.region && boxes.length > 4;
  if (!region) { // everything that cannot be attended steps back
    const veil = new Path2D();
    veil.rect(0, 0, parts.over.width, parts.over.height);
    for (const box of boxes) veil.rect(...toDevice(viewer, box.top, box.left, box.bottom, box.right));
    context.fillStyle = colours.veil;
    context.fill(veil, "evenodd");
  }
  if (shares) {
    context.globalAlpha = state.heat;
    const { stride } = geometry;
    eachToken(geometry, shares, ({ row, column, value }) => {
      context.fillStyle = css(colourOf(COLOURS.attention, value / viewer.peak));
      context.fillRect(...toDevice(viewer, row * stride, column * stride, (row + 1) * stride, (column + 1) * stride));
    });
    context.globalAlpha = 1;
  }
  if (!region) {
    const outline = new Path2D();
    for (const box of boxes) outline.rect(...toDevice(viewer, box.top, box.left, box.bottom, box.right));
    strokeTwice(context, outline, 2);
  }
  const place = new Path2D();
  const [top, left, bottom, right] = state.region ?? queryBox(viewer);
  place.rect(...toDevice(viewer, top, left, bottom, right));
  strokeTwice(context, place, state.locked || state.region ? 4 : 2, state.region ? [6, 4] : []);
}

function queryBox({ state, chosen: { geometry: { stride } } }) {
  const [top, left] = [state.y, state.x].map((at) => Math.floor(at / stride) * stride);
  return [top, left, top + stride, left + stride];
}

/** Values of a square window as a small picture; each head is shown relative to its own largest value. */
function drawTile(canvas, values, side, marked, seams) {
  const peak = values.reduce((a, b) => Math.max(a, b), 1e-12);
  const small = bitmap([side, side], (index) => [...colourOf(COLOURS.attention, values[index] / peak), 255]);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  const unit = canvas.width / side;
  context.strokeStyle = "rgba(255, 255, 255, 0.7)";
  context.setLineDash([2, 2]);
  context.beginPath();
  for (const row of seams.rows) { context.moveTo(0, row * unit); context.lineTo(canvas.width, row * unit); }
  for (const column of seams.columns) { context.moveTo(column * unit, 0); context.lineTo(column * unit, canvas.width); }
  context.stroke();
  context.setLineDash([]);
  if (marked != null) {
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5;
    context.strokeRect((marked % side) * unit + 0.75, Math.floor(marked / side) * unit + 0.75, unit - 1.5, unit - 1.5);
  }
}

/** Rows and columns of a window before which a new region begins. */
function seamsOf(geometry, window) {
  const { side } = geometry;
  const lines = { rows: [], columns: [] };
  for (let at = 1; at < side; at++) {
    if (regionAt(geometry, window, at * side) !== regionAt(geometry, window, (at - 1) * side)) lines.rows.push(at);
    if (regionAt(geometry, window, at) !== regionAt(geometry, window, at - 1)) lines.columns.push(at);
  }
  return lines;
}

function drawHeads(viewer) {
  const { parts, state, chosen, block, weights } = viewer;
  buildHeads(viewer);
  const { geometry } = chosen;
  parts.headsTitle.textContent = `Heads of ${blockName(chosen)}`;
  const first = weights.reduce((best, each) => (each.weight > best.weight ? each : best));
  const seams = seamsOf(geometry, first.window);
  for (const { head, tile, canvas, caption } of parts.tiles) {
    tile.setAttribute("aria-checked", String(head === state.head));
    if (!block) { canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height); continue; }
    // A region is shown by the window in which most of it lies.
    const inWindow = weights.filter(({ window }) => window === first.window);
    const [values] = attentionOf(block, inWindow, head, state.direction).values();
    drawTile(canvas, values, geometry.side, state.region ? null : first.query, seams);
    const entropy = statisticOf(block, "entropy", weights, head), distance = statisticOf(block, "distance", weights, head);
    caption.textContent = `${entropy.toFixed(1)} bit · ${distance.toFixed(0)} px`;
    tile.title = `${headName(head, chosen.heads)}: entropy ${entropy.toFixed(2)} bit `
      + `(${(2 ** entropy).toFixed(1)} keys), mean distance ${distance.toFixed(1)} px`;
  }
}

function drawShares(viewer) {
  const { parts, state, chosen, block, weights, shares, opening } = viewer;
  if (!shares) { parts.shares.replaceChildren(make("p", { class: "swv-note" }, viewer.trouble ?? "loading …")); return; }
  const { byClass, padding } = classShares(
    chosen.geometry, shares, opening.arrays.labels.data, opening.size, opening.classes.length);
  const rows = [...byClass].map((share, index) => ({ name: opening.classes[index], share, colour: css(opening.palette[index]) }));
  rows.sort((a, b) => b.share - a.share);
  const shown = rows.slice(0, 5).filter(({ share }) => share >= 0.0005);
  if (padding > 0) shown.push({ name: "padding", share: padding, padding: true });
  const total = state.direction === "query" ? 1 : rows.reduce((sum, { share }) => sum + share, padding);
  const lines = shown.map(({ name, share, colour, padding: hatched }) => make("div", { class: "swv-share" },
    make("span", { class: hatched ? "swv-swatch swv-hatched" : "swv-swatch", style: colour ? `background:${colour}` : null }),
    make("span", {}, name),
    make("span", { class: "swv-bar" }, make("i", { style: `width:${(100 * share) / Math.max(total, 1e-9)}%` })),
    make("b", {}, formatShare(share))));
  if (chosen.geometry.shift && state.direction === "query") {
    lines.push(make("p", { class: "swv-note" }, `across seams: ${formatShare(seamShare(block, weights, state.head))}`));
  }
  parts.shares.replaceChildren(...lines);
}

function drawBias(viewer) {
  const { parts, state, block, chosen } = viewer;
  if (!block) return;
  const [heads, side] = block.bias.shape;
  const chosenHeads = state.head < 0 ? Array.from({ length: heads }, (_, head) => head) : [state.head];
  const table = new Float32Array(side * side);
  for (const head of chosenHeads) {
    for (let at = 0; at < table.length; at++) table[at] += block.bias.data[head * table.length + at] / chosenHeads.length;
  }
  const peak = table.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-6);
  // Stored by query - key; turned by 180 degrees, so that a key to the right of the query is drawn to the right.
  const small = bitmap([side, side], (index) =>
    [...colourOf(COLOURS.signed, 0.5 + table[table.length - 1 - index] / (2 * peak)), 255]);
  [parts.bias.width, parts.bias.height] = [8 * side, 8 * side];
  const context = parts.bias.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, parts.bias.width, parts.bias.height);
  context.strokeStyle = "#000";
  context.strokeRect(8 * ((side - 1) / 2) + 0.5, 8 * ((side - 1) / 2) + 0.5, 7, 7);
  parts.bias.setAttribute("aria-label", `Relative position bias of ${headName(state.head, chosen.heads)}`);
  parts.biasText.textContent = `Added to the scores of keys around the query (the square), ${headName(state.head, chosen.heads)}: `
    + `purple −${peak.toFixed(2)}, orange +${peak.toFixed(2)}.`;
}

function drawStrip(viewer) {
  const { parts, state, opening, bitmaps, colours } = viewer;
  const density = Math.min(2, window.devicePixelRatio || 1);
  const [height, width] = opening.size;
  const wide = Math.round(64 * density), scale = wide / width, tall = Math.round(height * scale);
  for (const { stage, block, geometry, cell, canvas } of parts.cells) {
    cell.setAttribute("aria-checked", String(stage === state.stage && block === state.block));
    if (canvas.width !== wide || canvas.height !== tall) [canvas.width, canvas.height] = [wide, tall];
    const context = canvas.getContext("2d");
    context.drawImage(bitmaps.image, 0, 0, wide, tall);
    context.fillStyle = colours.veil;
    context.fillRect(0, 0, wide, tall);
    const { window } = locate(geometry, state.y, state.x);
    for (const { top, left, bottom, right } of rectangles(geometry, window)) {
      const [y, x] = [Math.round(top * scale), Math.round(left * scale)];
      const [h, w] = [Math.max(2, Math.round(bottom * scale) - y), Math.max(2, Math.round(right * scale) - x)];
      context.fillStyle = css(colourOf(COLOURS.attention, 0.75), 0.85);
      context.fillRect(x, y, w, h);
    }
  }
}

function drawWords(viewer) {
  const { parts, state, opening, chosen, pointer } = viewer;
  const { geometry } = chosen;
  const describe = (y, x) => {
    const index = y * opening.size[1] + x;
    const name = opening.classes[opening.arrays.labels.data[index]];
    return `${name} (${formatShare(opening.arrays.confidence.data[index] * opening.arrays.confidence.step)} sure)`;
  };
  const { window } = locate(geometry, state.y, state.x);
  const role = state.direction === "query" ? "Query" : "Key";
  const words = state.region
    ? `Region of ${state.region[3] - state.region[1]} × ${state.region[2] - state.region[0]} px: mean over ${viewer.weights.length} tokens.`
    : `${role} token (row ${Math.floor(state.y / geometry.stride)}, column ${Math.floor(state.x / geometry.stride)}), `
      + `pixel (y ${state.y}, x ${state.x}): ${describe(state.y, state.x)}. `
      + `Window ${window} of ${geometry.windows}, ${geometry.side} × ${geometry.side} tokens of ${geometry.stride} px.`;
  const lines = [make("span", {}, words)];
  if (pointer && (state.locked || state.region)) lines.push(make("span", {}, underPointer(viewer, describe)));
  parts.readout.replaceChildren(...lines);
  parts.scaleMax.textContent = viewer.shares ? `${formatShare(viewer.peak)} a token` : "…";
  parts.direction.textContent = state.direction === "query" ? "What does it look at?" : "Who looks at it?";
  parts.direction.setAttribute("aria-pressed", String(state.direction === "key"));
  for (const layer of LAYERS) parts.layers[layer].checked = state.layers.includes(layer);
}

function underPointer({ pointer, shares, chosen: { geometry }, state, opening }, describe) {
  const [y, x] = pointer;
  const found = locate(geometry, y, x);
  const value = found && shares?.get(found.window)?.[found.query];
  const distance = Math.hypot(y - state.y, x - state.x);
  const inside = y < opening.size[0] && x < opening.size[1];
  const what = inside ? describe(y, x) : "padding";
  if (value == null) return ` Under the pointer: ${what}, outside the window: no attention.`;
  return ` Under the pointer: ${formatShare(value)} on ${what}, ${distance.toFixed(0)} px away.`;
}

// --- 9. From state to picture -----------------------------------------------------------------------------

/**
 * Something changed; draw in the next frame what depends on it.
 * "query": place or head; "block": another block; "base": layers, opacity, size, theme.
 */
function changed(viewer, what) {
  viewer.stale.add(what);
  if (viewer.frame) return;
  viewer.frame = requestAnimationFrame(() => {
    viewer.frame = 0;
    const stale = viewer.stale;
    viewer.stale = new Set();
    redraw(viewer, stale);
  });
}

function redraw(viewer, stale) {
  const started = performance.now();
  const { state, opening, parts } = viewer;
  clampState(state, opening);
  viewer.chosen = parts.cells.find(({ stage, block }) => stage === state.stage && block === state.block);
  if (stale.has("block")) fetchBlock(viewer);
  look(viewer);
  if (stale.has("base") || stale.has("block")) { fit(viewer); drawBase(viewer); }
  drawOver(viewer);
  drawHeads(viewer);
  drawShares(viewer);
  if (viewer.biasShown !== `${state.stage}.${state.block}.${state.head}.${Boolean(viewer.block)}`) {
    viewer.biasShown = `${state.stage}.${state.block}.${state.head}.${Boolean(viewer.block)}`;
    drawBias(viewer);
  }
  drawStrip(viewer);
  drawWords(viewer);
  viewer.root.dataset.ready = String(Boolean(viewer.block));
  viewer.root.dataset.state = formatState(state);
  viewer.lastDraw = performance.now() - started;
}

/** What is attended now: the tokens asked about, their shares, and the largest of these. */
function look(viewer) {
  const { state, chosen, opening } = viewer;
  const [top, left, bottom, right] = state.region ?? [state.y, state.x, state.y + 1, state.x + 1];
  viewer.weights = tokenWeights(chosen.geometry, { top, left, bottom, right }, opening.size);
  viewer.block = viewer.blockKey === `${state.stage}.${state.block}` ? viewer.loaded : null;
  viewer.shares = viewer.block && attentionOf(viewer.block, viewer.weights, state.head, state.direction);
  viewer.peak = 1e-9;
  for (const values of viewer.shares?.values() ?? []) for (const value of values) if (value > viewer.peak) viewer.peak = value;
}

async function fetchBlock(viewer) {
  const { stage, block } = viewer.state;
  const key = `${stage}.${block}`;
  if (viewer.blockKey === key || viewer.fetching === key) return;
  viewer.fetching = key;
  viewer.trouble = null;
  try {
    const { header, arrays } = await viewer.transport.request("block", { stage, block });
    if (viewer.fetching !== key) return; // another block was chosen meanwhile
    const [, heads] = arrays.levels.shape;
    viewer.loaded = { ...arrays, heads, geometry: makeGeometry(header.geometry) };
    viewer.blockKey = key;
  } catch (error) {
    viewer.trouble = `${blockName({ stage, block })}: ${error.message}.`;
  }
  if (viewer.fetching === key) viewer.fetching = null;
  changed(viewer, "query");
}

function announce(viewer) {
  const { parts, state, chosen } = viewer;
  requestAnimationFrame(() => { // after the picture
    parts.announce.textContent = `${parts.readout.textContent} ${blockName(chosen)}, ${headName(state.head, chosen.heads)}. `
      + [...parts.shares.querySelectorAll(".swv-share")].map((line) => line.textContent).join(", ");
  });
}

// --- 10. Pointer and keys ---------------------------------------------------------------------------------

function toggleLayer(viewer, layer) {
  const { state } = viewer;
  state.layers = LAYERS.filter((each) => (each === layer) !== state.layers.includes(each));
  changed(viewer, "base");
}

function reverse(viewer) {
  viewer.state.direction = viewer.state.direction === "query" ? "key" : "query";
  changed(viewer, "query");
}

function setLock(viewer, locked) {
  viewer.state.locked = locked;
  viewer.state.region = null;
  changed(viewer, "query");
  if (locked) announce(viewer);
}

function listenToPointer(viewer) {
  const { parts, state } = viewer;
  const at = (event) => {
    const box = parts.over.getBoundingClientRect();
    const unit = extent(viewer)[1] / box.width;
    return [Math.floor((event.clientY - box.top) * unit), Math.floor((event.clientX - box.left) * unit)];
  };
  let pressed = null;
  parts.over.addEventListener("pointermove", (event) => {
    viewer.pointer = at(event);
    if (pressed) {
      const [y, x] = viewer.pointer;
      if (Math.hypot(y - pressed[0], x - pressed[1]) * viewer.scale > 12) {
        state.region = [Math.min(y, pressed[0]), Math.min(x, pressed[1]), Math.max(y, pressed[0]) + 1, Math.max(x, pressed[1]) + 1];
        state.locked = true;
      }
    } else if (!state.locked && !state.region) [state.y, state.x] = viewer.pointer;
    changed(viewer, "query");
  });
  parts.over.addEventListener("pointerdown", (event) => {
    pressed = at(event);
    parts.over.setPointerCapture(event.pointerId);
  });
  parts.over.addEventListener("pointerup", (event) => {
    if (!pressed) return;
    const dragged = state.region && Math.hypot(at(event)[0] - pressed[0], at(event)[1] - pressed[1]) * viewer.scale > 12;
    pressed = null;
    if (dragged) return announce(viewer);
    const lock = !(state.locked || state.region);
    if (lock || event.pointerType === "touch") [state.y, state.x] = at(event);
    setLock(viewer, lock || event.pointerType === "touch");
  });
  parts.over.addEventListener("pointerleave", () => { viewer.pointer = null; changed(viewer, "query"); });
}

function listenToKeys(viewer) {
  const { root, state, parts, opening } = viewer;
  const step = (by) => {
    const index = opening.blocks.findIndex(({ stage, block }) => stage === state.stage && block === state.block);
    const next = opening.blocks[Math.max(0, Math.min(opening.blocks.length - 1, index + by))];
    Object.assign(state, { stage: next.stage, block: next.block });
    changed(viewer, "block");
  };
  const move = (down, right, shift) => {
    const { stride, side } = viewer.chosen.geometry;
    const by = stride * (shift ? side : 1);
    Object.assign(state, { y: state.y + down * by, x: state.x + right * by, region: null, locked: true });
    changed(viewer, "query");
  };
  const turn = (by) => { state.head += by; changed(viewer, "query"); };
  const actions = {
    "[": () => step(-1), "]": () => step(1), ",": () => turn(-1), ".": () => turn(1),
    " ": () => setLock(viewer, !state.locked), r: () => reverse(viewer), Escape: () => setLock(viewer, false),
    "?": () => parts.help.showModal(),
    g: () => toggleLayer(viewer, "grid"), h: () => toggleLayer(viewer, "shifted"), s: () => toggleLayer(viewer, "seams"),
    p: () => toggleLayer(viewer, "padding"), o: () => toggleLayer(viewer, "outlines"),
    ArrowUp: (shift) => move(-1, 0, shift), ArrowDown: (shift) => move(1, 0, shift),
    ArrowLeft: (shift) => move(0, -1, shift), ArrowRight: (shift) => move(0, 1, shift),
  };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || parts.help.open) return;
    const control = event.target.closest("input, button, select");
    // Arrows and space belong to a focused slider or button; the letters work from anywhere in the viewer.
    if (control && (event.key === " " || event.key === "Enter" || (control.type === "range" && event.key.startsWith("Arrow")))) return;
    const action = actions[event.key] ?? actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // a notebook has single-letter commands of its own
    action(event.shiftKey);
    announce(viewer);
  });
}

/** Follow the host's theme: JupyterLab, VS Code and Gradio mark the body; a file follows the system. */
function followTheme(viewer) {
  const { root } = viewer;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const update = () => {
    const { body, documentElement } = document;
    const marked = body.dataset.jpThemeLight ?? (body.dataset.vscodeThemeKind && String(!/dark|high-contrast$/.test(body.dataset.vscodeThemeKind)));
    const gradio = document.querySelector("gradio-app, .gradio-container");
    const dark = marked ? marked === "false" : gradio ? body.classList.contains("dark") || documentElement.classList.contains("dark") : system.matches;
    root.dataset.theme = dark ? "dark" : "light";
    const style = getComputedStyle(root);
    viewer.colours = Object.fromEntries(["panel", "line", "veil"].map((name) => [name, style.getPropertyValue(`--swv-${name}`).trim()]));
    if (viewer.chosen) changed(viewer, "base");
  };
  const observer = new MutationObserver(update);
  for (const node of [document.body, document.documentElement]) observer.observe(node, { attributes: true });
  system.addEventListener("change", update);
  update();
  return () => { observer.disconnect(); system.removeEventListener("change", update); };
}

// --- 11. Entry points -------------------------------------------------------------------------------------

/**
 * Put a viewer into an element.
 *
 * transport: {request(name, args) -> Promise<{header, arrays}>, close()}; options.state: a permalink string.
 * Returns {state, permalink(), set(fields), close()}.
 */
export async function mount(element, transport, options = {}) {
  const root = make("div", { class: "swinviz-explorer", "data-ready": "false" }, make("p", { class: "swv-note" }, "running the model …"));
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
  const state = clampState(firstState(options.state, opening), opening);
  const viewer = { root, transport: remembered, opening, state, stale: new Set(), pointer: null, frame: 0 };
  buildPage(viewer);
  makeBitmaps(viewer);
  const forget = followTheme(viewer);
  listenToPointer(viewer);
  listenToKeys(viewer);
  const resized = new ResizeObserver(() => changed(viewer, "base"));
  resized.observe(root);
  changed(viewer, "block");
  return {
    state, root,
    permalink: () => formatState(state),
    set: (fields) => { Object.assign(state, fields); changed(viewer, "base"); changed(viewer, "block"); },
    get lastDraw() { return viewer.lastDraw; },
    close() { forget(); resized.disconnect(); cancelAnimationFrame(viewer.frame); remembered.close(); element.replaceChildren(); },
  };
}

/** Begin in the middle of the picture and of the model, unless the permalink says otherwise. */
function firstState(text, opening) {
  const state = parseState(text);
  const given = new URLSearchParams(text ?? "");
  if (!given.has("y") && !given.has("x")) [state.y, state.x] = opening.size.map((side) => Math.floor(side / 2));
  if (!given.has("stage") && !given.has("block")) {
    const deepest = opening.blocks.filter(({ stage }) => stage === Math.max(0, opening.blocks.at(-1).stage - 1));
    Object.assign(state, { stage: deepest.at(-1).stage, block: deepest.at(-1).block });
  }
  return state;
}

/** anywidget's entry point. */
async function render({ model, el }) {
  const viewer = await mount(el, widgetTransport(model), { state: model.get("state") });
  return () => viewer.close();
}

export default { render };
