/** The playground: a picture, a sample or the camera; the model runs in this page, and the explorer looks into it. */

/**
 * @import {Picture} from "./engine/prepare.js"
 * @typedef {Awaited<ReturnType<typeof startEngine>>} Engine
 */

import { mount } from "../../explorer/static/explorer.js";
import { startEngine } from "./engine/transport.js";

const LIVE_LONG_SIDE = 320; // pixels of a camera frame that the model sees
const MOST_PIXELS = 64e6; // a larger picture would take gigabytes in the page

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);
const { title, samples } = JSON.parse(element("playground").dataset.facts);
const status = element("status");
/** @type {Awaited<ReturnType<typeof mount>> | null} */
let viewer = null;
/** @type {MediaStream | null} */
let stream = null;

/** @param {string} text @param {boolean} bad */
function say(text, bad = false) {
  status.textContent = text;
  status.dataset.bad = String(bad);
}

/** Pixels of what can be drawn. @param {CanvasImageSource} source @param {number} width @param {number} height @returns {Picture} */
function pixelsOf(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.fillStyle = "white"; // what is transparent lies on white, as in Python
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return { data: context.getImageData(0, 0, width, height).data, height, width };
}

/** @param {Engine} engine @param {Picture} picture @param {string} name */
async function look(engine, picture, name) {
  say("segmenting …");
  const started = performance.now();
  viewer?.close();
  const transport = await engine.open(picture, title, name);
  viewer = await mount(element("viewer"), transport, { state: location.hash.slice(1), onstate: (state) => history.replaceState(null, "", `#${state}`) });
  await transport.request("segmentation", {});
  say(`${name}: ${Math.round(performance.now() - started)} ms, ${engineSentence(engine)}`);
  element("playground").dataset.ready = "true";
}

/** @param {Engine} engine */
const engineSentence = ({ threads }) => (threads > 1 ? `${threads} threads of WebAssembly.`
  : "one thread of WebAssembly (this browser or server gives no more).");

/** @param {Engine} engine @param {Blob} blob @param {string} name */
async function openBlob(engine, blob, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob); // turned as its EXIF data say
  } catch {
    return say(`'${name}' cannot be read as an image; save it as JPEG, PNG or WebP.`, true);
  }
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    return say(`'${name}' has ${bitmap.width} x ${bitmap.height} pixels, more than the ${MOST_PIXELS / 1e6} million that are read here; make it smaller.`, true);
  }
  return look(engine, pixelsOf(bitmap, bitmap.width, bitmap.height), name);
}

/** Show the labels of what the camera sees until it is switched off. @param {Engine} engine */
async function live(engine) {
  const video = element("video"), canvas = element("labels"), { palette } = engine.metadata;
  const scale = LIVE_LONG_SIDE / Math.max(video.videoWidth, video.videoHeight);
  const [width, height] = [video.videoWidth, video.videoHeight].map((side) => Math.max(1, Math.round(side * scale)));
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d"), shown = context.createImageData(width, height);
  shown.data.fill(255);
  let frames = 0, since = performance.now();
  while (stream) {
    const labels = await engine.labels(pixelsOf(video, width, height));
    labels.forEach((label, at) => shown.data.set(palette[label], 4 * at));
    context.putImageData(shown, 0, 0);
    frames += 1;
    const seconds = (performance.now() - since) / 1000;
    if (seconds < 1) continue;
    element("live").dataset.rate = (frames / seconds).toFixed(1);
    say(`${(frames / seconds).toFixed(1)} frames a second, ${width} x ${height} pixels, ${engineSentence(engine)}`);
    [frames, since] = [0, performance.now()];
  }
}

/** @param {Engine} engine */
async function toggleCamera(engine) {
  const video = element("video"), button = element("camera");
  if (stream) {
    for (const track of stream.getTracks()) track.stop();
    stream = null;
  } else {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } } });
    } catch (error) {
      return say(`The camera cannot be used: ${/** @type {Error} */ (error).message}.`, true);
    }
    video.srcObject = stream;
    await video.play();
    live(engine).catch((error) => say(error.message, true));
  }
  button.setAttribute("aria-pressed", String(Boolean(stream)));
  element("live").hidden = !stream;
}

/** Threads need cross-origin isolation; where the server does not give it, a service worker does, after one reload. */
async function isolate() {
  if (crossOriginIsolated || !("serviceWorker" in navigator) || sessionStorage.getItem("isolation")) return;
  sessionStorage.setItem("isolation", "tried"); // once: where it does not help, one thread does the work
  try {
    await navigator.serviceWorker.register("isolation.js");
    await navigator.serviceWorker.ready;
  } catch {
    return; // a private window, or a browser that forbids it
  }
  location.reload();
  await new Promise(() => {});
}

async function main() {
  await isolate();
  const asked = Number(new URLSearchParams(location.search).get("threads")); // for measurements
  const threads = crossOriginIsolated ? asked || Math.min(4, navigator.hardwareConcurrency) : 1;
  /** @param {string} path */
  const at = (path) => new URL(path, document.baseURI).href;
  const engine = await startEngine({ runtime: at("runtime/ort.wasm.min.mjs"), model: at("models/model.onnx"), threads });
  Object.assign(window, { swinviz: { engine, pixelsOf } });
  /** @param {Promise<unknown>} promise */
  const tell = (promise) => promise.catch((error) => say(error.message, true));
  element("file").addEventListener("change", (/** @type {any} */ { target }) => target.files[0] && tell(openBlob(engine, target.files[0], target.files[0].name)));
  element("camera").addEventListener("click", () => tell(toggleCamera(engine)));
  element("look").addEventListener("click", () => {
    const video = element("video"), frame = pixelsOf(video, video.videoWidth, video.videoHeight);
    tell(toggleCamera(engine).then(() => look(engine, frame, "camera")));
  });
  /** @param {string} name */
  const openSample = async (name) => openBlob(engine, await (await fetch(`samples/${name}`)).blob(), name);
  for (const name of samples) {
    const button = document.createElement("button"), image = document.createElement("img");
    Object.assign(button, { type: "button", title: name });
    Object.assign(image, { src: `samples/${name}`, alt: name });
    button.append(image);
    button.addEventListener("click", () => tell(openSample(name)));
    element("samples").append(button);
  }
  say(`ready: ${engineSentence(engine)}`);
  if (samples.length) await openSample(samples[0]);
}

main().catch((error) => say(`The model could not start: ${error.message}`, true));
