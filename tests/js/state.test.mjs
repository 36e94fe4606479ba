// Permalinks, messages, the memory of answers, and the files that are saved: all that needs no page.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import test from "node:test";
import { cached } from "../../swinviz/explorer/static/answers.js";
import { COLORS, colorOf } from "../../swinviz/explorer/static/colors.js";
import { encodeGif } from "../../swinviz/explorer/static/gif.js";
import { formatShare } from "../../swinviz/explorer/static/labels.js";
import { toDevice } from "../../swinviz/explorer/static/shapes.js";
import { clampState, formatState, initialState, parseState } from "../../swinviz/explorer/static/state.js";
import { captionLayout, svgOf } from "../../swinviz/explorer/static/svg.js";
import { fetchTransport, fileTransport, requestKey, widgetTransport } from "../../swinviz/explorer/static/transports.js";
import { unpack } from "../../swinviz/explorer/static/wire_format.js";

const analyses = ["features", "components"];
const manifest = { size: [60, 100], analyses, blocks: [{ stage: 0, block: 0, heads: 2 }, { stage: 1, block: 0, heads: 4 }] };
const answer = (bytes) => ({ header: {}, arrays: { a: { data: new Uint8Array(bytes) } } });

test("a permalink brings back every field", () => {
  const state = {
    ...initialState(), stage: 2, block: 3, head: 5, y: 17, x: 4, locked: true, region: [1, 2, 30, 40], direction: "key",
    segmentation: 0.5, heat: 1, layers: ["grid", "padding"], timeline: "reach", edits: ["no_shift", "off-2-3-1"], compare: 0.25,
  };
  assert.deepEqual(parseState(formatState(state)), state);
});

test("a permalink names the place even where it is the first block and pixel, which no viewer begins with", () =>
  assert.equal(formatState(initialState()), "stage=0&block=0&y=0&x=0"));

test("edits that this model does not have are left out of a state", () => {
  const said = "edits=absent.no_bias.off-0-0-0.off-0-0-99.off-9-0-0.constructor";
  assert.deepEqual(clampState(parseState(said), manifest).edits, ["no_bias", "off-0-0-0"]);
});

test("a host that has no token vectors shows the attention instead", () => {
  const said = "direction=like&layers=components.grid", without = { ...manifest, analyses: [] };
  assert.deepEqual([clampState(parseState(said), manifest)].map(({ direction, layers }) => [direction, layers]), [["like", ["components", "grid"]]]);
  assert.deepEqual([clampState(parseState(said), without)].map(({ direction, layers }) => [direction, layers]), [["query", ["grid"]]]);
});

test("an offline file's state holds one of the edits it has", () => {
  const offline = { ...manifest, offline: { edits: ["no_bias", "no_mask"] } };
  assert.deepEqual(clampState(parseState("edits=no_bias.no_mask.no_shift.off-0-0-0"), offline).edits, ["no_mask"]);
  assert.deepEqual(clampState(parseState("edits=no_bias.off-0-0-0"), manifest).edits, ["no_bias", "off-0-0-0"]);
});

test("a permalink of nonsense gives a state that can be drawn", () => {
  for (const text of ["stage=x&y=NaN&layers=evil.grid&region=1.2&locked=maybe&unknown=1", "y=-5&x=1e9&head=99&heat=7&stage=9",
    "region=9.9.9.9", "constructor=1&__proto__=2&%", "=&&="]) {
    const state = clampState(parseState(text), manifest);
    assert.deepEqual(Object.keys(state).sort(), Object.keys(initialState()).sort());
    assert.ok(state.y >= 0 && state.y < 60 && state.x >= 0 && state.x < 100 && state.head < 4 && state.heat <= 1);
    assert.equal(state.region, null);
  }
});

test("a region is cut to the picture", () => {
  const state = clampState(parseState("region=-4.10.500.20&y=3&x=4"), manifest);
  assert.deepEqual(state.region, [0, 10, 60, 20]);
  assert.deepEqual([state.y, state.x], [30, 15]); // its middle, whose strip is shown
});

test("an answer is asked for once, and the one not used for longest is forgotten first", async () => {
  const asked = [];
  const transport = cached({ request: async (name) => { asked.push(name); return answer(10); }, close() {} }, 25);
  for (const name of ["a", "b", "a", "c"]) await transport.request(name, {}); // c makes 30 bytes: b goes
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const name of ["a", "c", "b"]) await transport.request(name, {});
  assert.deepEqual(asked, ["a", "b", "c", "b"]);
});

test("a failure is not remembered", async () => {
  let count = 0;
  const transport = cached({ request: async () => { if (count++ === 0) throw new Error("busy"); return answer(1); }, close() {} });
  await assert.rejects(transport.request("a", {}), /busy/);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(await transport.request("a", {}));
});

test("the key of a request does not depend on the order of its arguments", () => {
  assert.equal(requestKey("block", { stage: 1, block: 2 }), "block?block=2&stage=1");
  assert.equal(requestKey("manifest"), "manifest");
});

/** A message as wire_format.py writes it: one array of four bytes. */
function message() {
  const header = JSON.stringify({ kind: "test", steps: { a: 0.5 } });
  const text = JSON.stringify({ __metadata__: { header }, a: { dtype: "U8", shape: [4], data_offsets: [0, 4] } }).padEnd(136);
  const bytes = new Uint8Array(8 + 136 + 4);
  new DataView(bytes.buffer).setBigUint64(0, 136n, true);
  bytes.set(new TextEncoder().encode(text), 8);
  bytes.set([1, 2, 3, 4], 144);
  return bytes;
}

test("a message is read wherever in memory it begins", () => {
  for (const start of [0, 1, 3, 8]) {
    const memory = new Uint8Array(start + 148);
    memory.set(message(), start);
    const { header, arrays } = unpack(memory.subarray(start));
    assert.deepEqual(header, { kind: "test" });
    assert.equal(arrays.a.step, 0.5);
    assert.deepEqual([...arrays.a.data], [1, 2, 3, 4]);
  }
  assert.throws(() => unpack(new Uint8Array(16)), /no message/);
});

test("a widget hears only the answers to its own questions", async () => {
  const listeners = [], sent = [];
  const model = { on: (_, listener) => listeners.push(listener), off() {}, send: (content) => sent.push(content) };
  const [one, two] = [widgetTransport(model), widgetTransport(model)];
  const [first, second] = [one.request("manifest", {}), two.request("manifest", {})];
  assert.notEqual(sent[0].id, sent[1].id);
  for (const hear of listeners) hear({ id: sent[1].id, error: "no" }, []);
  await assert.rejects(second, /no/);
  const bytes = message();
  for (const hear of listeners) hear({ id: sent[0].id }, [new DataView(bytes.buffer)]);
  assert.equal((await first).header.kind, "test");
});

test("a server's refusal says why", async () => {
  globalThis.fetch = async () => new Response("no such block", { status: 400 });
  await assert.rejects(fetchTransport("/answer").request("block", {}), /no such block/);
  globalThis.fetch = async () => new Response(message());
  assert.equal((await fetchTransport("/answer").request("manifest", {})).header.kind, "test");
});

test("a file says which answer it does not hold", async () => {
  const { gzipSync } = await import("node:zlib");
  const kept = { manifest: gzipSync(message()).toString("base64") };
  const transport = fileTransport((key) => kept[key]);
  assert.equal((await transport.request("manifest", {})).header.kind, "test");
  await assert.rejects(transport.request("block", { stage: 0, block: 0 }), /not kept/);
});

test("tokens meet exactly on the screen, without gaps or overlaps", () => {
  for (const scale of [0.37, 1, 1.2345, 2]) {
    let edge = 0;
    for (let column = 0; column < 50; column++) {
      const [x, , width] = toDevice(scale, 0, column * 4, 4, column * 4 + 4);
      assert.equal(x, edge);
      edge = x + width;
    }
  }
});

test("colors grow lighter with the value, so they read in gray too", () => {
  const lightness = (value) => { const [r, g, b] = colorOf(COLORS.attention, value); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  for (let level = 1; level < 256; level++) assert.ok(lightness(level / 255) >= lightness((level - 1) / 255) - 0.5);
});

test("shares are written with their unit, and small ones are not called nothing", () => {
  assert.deepEqual([0, 0.0001, 0.042, 0.0999, 0.38, 1].map(formatShare), ["0.0 %", "< 0.1 %", "4.2 %", "10 %", "38 %", "100 %"]);
});

test("a caption is broken where it would be cut off, and only between its parts", () => {
  const parts = ["a model", "stage 2, block 3 (SW-MSA)", "mean of 8 heads", "query y 300, x 100", "brightest 17 % a token"];
  for (const width of [150, 300, 700, 2000]) {
    const { size, lines, height } = captionLayout(parts, width);
    assert.equal(lines.join(", "), parts.join(", "));
    assert.ok(lines.every((line) => parts.includes(line) || line.length * 0.58 * size <= width));
    assert.ok(height > 1.5 * size * lines.length);
  }
});

test("an SVG escapes its caption and leaves the windows' hole in the veil", () => {
  const svg = svgOf({
    width: 10, height: 10, picture: "data:,", heat: 0.5, caption: [`<script>&"`], colors: { page: "#fff", veil: "#000", text: "#000" },
    shapes: { boxes: [[0, 0, 4, 4]], tokens: [{ box: [0, 0, 2, 2], color: "rgba(1, 2, 3, 1)" }], target: [0, 0, 2, 2], spread: false },
  });
  assert.ok(!svg.includes("<script>") && svg.includes("M0 0h4v4h-4z") && svg.includes('fill="rgba(1, 2, 3, 1)"'));
});

test("a GIF is written for Python to read back", () => {
  const [width, height] = [97, 61];
  let seed = 1;
  const noise = () => (seed = (seed * 16807) % 2147483647) & 255; // enough codes to fill LZW's table several times
  const frames = [Uint8Array.from({ length: width * height }, noise), Uint8Array.from({ length: width * height }, (_, at) => at & 7)];
  const palette = Uint8Array.from({ length: 768 }, (_, at) => Math.floor(at / 3));
  const bytes = encodeGif(width, height, palette, frames, 50);
  assert.equal(Buffer.from(bytes.subarray(0, 6)).toString(), "GIF89a");
  if (process.env.SWINVIZ_FIXTURES) {
    writeFileSync(`${process.env.SWINVIZ_FIXTURES}/written.gif`, bytes);
    frames.forEach((frame, index) => writeFileSync(`${process.env.SWINVIZ_FIXTURES}/frame${index}.raw`, frame));
  }
});
