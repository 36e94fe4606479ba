/** The playground: a picture, a sample or the camera; the model runs in this page, and the explorer looks into it. */

/**
 * @import {Picture} from "./engine/prepare.js"
 * @import {Engine} from "./engines.js"
 */

import { mount } from "../../explorer/static/explorer.js";
import { makeCamera } from "./camera.js";
import { engineSentence, isolate, startBest } from "./engines.js";
import { pixelsOf, readPicture } from "./pictures.js";

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);
const { title, samples, limits } = JSON.parse(element("playground").dataset.facts);
const status = element("status");
/** @type {Awaited<ReturnType<typeof mount>> | null} */
let viewer = null;
let latest = 0; // two pictures chosen at once: the last one stays

/** @param {string} text @param {boolean} bad */
function say(text, bad = false) {
  status.textContent = text;
  status.dataset.bad = String(bad);
}

/** @param {Engine} engine @param {Picture} picture @param {string} name */
async function look(engine, picture, name) {
  const number = ++latest;
  say("segmenting …");
  const started = performance.now();
  const transport = await engine.open(picture, title, name);
  await transport.request("segmentation", {});
  if (number !== latest) return;
  const seconds = performance.now() - started;
  viewer?.close();
  viewer = await mount(element("viewer"), transport, {
    state: location.hash.slice(1), onstate: (state) => history.replaceState(null, "", `#${state}`),
  });
  say(`${name}: ${Math.round(seconds)} ms, ${engineSentence(engine)}`);
  element("playground").dataset.ready = "true";
}

async function main() {
  await isolate();
  const engine = await startBest(say);
  Object.assign(window, { swinviz: { engine, pixelsOf } });
  /** @param {Promise<unknown>} promise */
  const tell = (promise) => promise.catch((error) => say(error.message, true));
  /** @param {Blob} blob @param {string} name */
  const openBlob = async (blob, name) => look(engine, await readPicture(blob, name, limits), name);
  const camera = makeCamera(engine, {
    video: element("video"), canvas: element("labels"), box: element("live"), button: element("camera"),
  }, say);
  element("file").addEventListener("change", (/** @type {any} */ { target }) => {
    const [file] = target.files;
    target.value = ""; // the same file may be chosen again
    if (file) tell(openBlob(file, file.name));
  });
  element("camera").addEventListener("click", () => tell(camera.toggle()));
  element("look").addEventListener("click", () => {
    const frame = camera.frame();
    tell(camera.toggle().then(() => look(engine, frame, "camera")));
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file) tell(openBlob(file, file.name));
  });
  /** @param {string} name */
  const openSample = async (name) => openBlob(await (await fetch(`samples/${encodeURIComponent(name)}`)).blob(), name);
  for (const name of samples) {
    const button = document.createElement("button"), image = document.createElement("img");
    Object.assign(button, { type: "button", title: name });
    Object.assign(image, { src: `samples/${encodeURIComponent(name)}`, alt: name });
    button.append(image);
    button.addEventListener("click", () => tell(openSample(name)));
    element("samples").append(button);
  }
  for (const each of document.querySelectorAll("[data-waits]")) each.removeAttribute("disabled");
  say(`ready: ${engineSentence(engine)}`);
  if (samples.length) await openSample(samples[0]);
}

main().catch((error) => say(`The model could not start: ${error.message}`, true));
