/** The engine in a thread of its own: the page stays quick while the graph runs. */

/**
 * @import {Picture} from "./prepare.js"
 * @import {Metadata, RunGraph} from "./engine.js"
 * @typedef {{id: number, kind: "load", folder: string, model: string, threads: number, provider: "wasm" | "webgpu"}
 *   | {id: number, kind: "open", picture: Picture, title: string, name: string}
 *   | {id: number, kind: "labels", picture: Picture}
 *   | {id: number, kind: "request", name: string, args: Record<string, string | number>}} Job
 */

import { controlsOf, planBlocks } from "./controls.js";
import { makeEngine } from "./engine.js";
import { argmax } from "./labels.js";
import { normalize, resize } from "./prepare.js";

/** @type {any} */
let ort;
/** @type {any} */
let session;
/** @type {Metadata} */
let metadata;
/** @type {ReturnType<typeof makeEngine>} */
let engine;
/** @type {Promise<unknown>} */
let busy = Promise.resolve(); // the runtime runs one thing at a time

/** @type {RunGraph} */
function runGraph(feeds, outputs) {
  const tensors = Object.fromEntries(Object.entries(feeds).map(([name, { data, dims }]) =>
    [name, new ort.Tensor(data instanceof BigInt64Array ? "int64" : "float32", data, dims)]));
  const run = busy.then(() => session.run(tensors, outputs));
  busy = run.catch(() => {});
  return run;
}

const RUNTIMES = {
  wasm: ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.wasm.gz"],
  webgpu: ["ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm.gz"],
};

/** @param {string} address @returns {Promise<Response>} */
async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`the server has no ${new URL(address).pathname} (${answer.status})`);
  return answer;
}

/** Bytes of a compressed file; some servers have them unpacked by the browser already. @param {string} address */
async function unpacked(address) {
  const bytes = new Uint8Array(await (await fetched(address)).arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {Extract<Job, {kind: "load"}>} job */
async function load({ folder, model, threads, provider }) {
  const [script, binary] = RUNTIMES[provider];
  const [runtime, wasm, graph, described] = await Promise.all([import(folder + script), unpacked(folder + binary),
    unpacked(`${model}model.onnx.gz`), fetched(`${model}model.json`).then((answer) => answer.json())]);
  ort = runtime;
  metadata = described;
  Object.assign(ort.env.wasm, { numThreads: threads, wasmPaths: folder, wasmBinary: wasm.buffer });
  session = await ort.InferenceSession.create(graph, { executionProviders: [provider], logSeverityLevel: 3 });
  // Graphics drivers refuse when something runs, not before.
  if (provider === "webgpu") await labelsOf({ data: new Uint8Array(3 * 32 * 32), height: 32, width: 32 });
  return { threads: ort.env.wasm.numThreads, metadata };
}

/** Labels of a picture of the size that it has: a frame of the camera. @param {Picture} picture */
async function labelsOf(picture) {
  const { height, width } = picture, size = [height, width];
  const plans = planBlocks(metadata.backbone, metadata.strides, size);
  /** @type {Record<string, {data: any, dims: number[]}>} */
  const feeds = { image: { data: normalize(resize(picture, size), metadata.mean, metadata.std), dims: [1, 3, ...size] } };
  for (const [control, data] of Object.entries(controlsOf([], plans))) feeds[control] = { data, dims: [data.length] };
  return argmax((await runGraph(feeds, ["logits"])).logits.data, metadata.classes.length).labels;
}

/** @param {Job} job @returns {Promise<unknown>} */
async function work(job) {
  if (job.kind === "load") return load(job);
  if (job.kind === "labels") return labelsOf(job.picture);
  if (job.kind === "request") return engine.request(job.name, job.args);
  engine = makeEngine(runGraph, metadata, job.picture, { title: job.title, name: job.name });
  return { size: engine.size };
}

onmessage = async ({ data: job }) => {
  try {
    postMessage({ id: job.id, result: await work(job) });
  } catch (error) {
    postMessage({ id: job.id, error: /** @type {Error} */ (error).message ?? String(error) });
  }
};
