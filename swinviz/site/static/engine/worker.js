/** The engine in a thread of its own: the page stays quick while the graph runs. */

/**
 * @import {Picture} from "./prepare.js"
 * @import {Metadata, RunGraph} from "./engine.js"
 * @typedef {{id: number, kind: "load", runtime: string, model: string, threads: number, provider: string}
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

/** @param {Extract<Job, {kind: "load"}>} job */
async function load({ runtime, model, threads, provider }) {
  ort = await import(runtime);
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = new URL(".", runtime).href;
  const [bytes, described] = await Promise.all([fetch(model).then((answer) => answer.arrayBuffer()), fetch(`${model}.json`).then((answer) => answer.json())]);
  metadata = described;
  session = await ort.InferenceSession.create(bytes, { executionProviders: [provider] });
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
