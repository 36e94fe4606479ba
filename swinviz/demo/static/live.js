/**
 * Live segmentation: frames of a camera or a video, each drawn with its own labels over it, and the attention of one
 * point. Where frames come from is frames.js, how they travel stream.js.
 */

/**
 * @import {Plane} from "./canvas.js"
 * @import {Answer, Config, Header} from "./stream.js"
 * @import {LabelMap} from "./labels.js"
 * @typedef {{header: Header, picture: OffscreenCanvas, map: LabelMap, heat: Plane | undefined}} Shown
 */
import { channel, contextOf, decode, fit, heatTable, make, paint, pixelAt } from "./canvas.js";
import { button, menu, slider, tickBox } from "./controls.js";
import { makeFrames } from "./frames.js";
import { alikeClasses, paintLabels, sharesOf } from "./labels.js";
import { makeLegend } from "./legend.js";
import { makeSmoother } from "./smoothing.js";
import { makeStream, WIDTHS } from "./stream.js";
import { makeWholeVideo } from "./whole_video.js";

const HEAT = heatTable();
const LEGEND_EVERY = 400; // milliseconds
const MOST_DOTTED = 32; // classes beyond which a legend of the moment could not keep its dots

/** @param {HTMLElement} root @param {unknown} _select @param {string} address */
export function mount(root, _select, address) {
  const live = {
    path: "", model: "", running: false, opacity: 0.6, mirror: true, unsureBelow: /** @type {number | null} */ (null),
    config: /** @type {Config | null} */ (null), latest: /** @type {Shown | null} */ (null),
    dotted: /** @type {Set<number>} */ (new Set()), only: /** @type {number | null} */ (null),
    gaze: /** @type {{x: number, y: number} | null} */ (null), counted: 0,
    shownAt: /** @type {number[]} */ ([]), latency: 0, seconds: 0,
  };
  const frames = makeFrames(() => stream.offer());
  const smoother = makeSmoother();
  const stream = makeStream({
    still: frames.still,
    settings: () => ({ model: live.model, gaze: gazeOf() }),
    onconfig, onanswer, onerror: say, onend: halt,
  });

  const canvas = make("canvas", { class: "sv-canvas", role: "img", tabindex: "0", "aria-label": "live segmentation" });
  const empty = make("div", { class: "sv-empty" },
    "Start the camera or choose a video. Frames are segmented by this server and kept nowhere.");
  const whole = makeWholeVideo(address, {
    look: () => ({ model: live.model, opacity: live.opacity, smooth: smooth.input.checked }),
    onbegin: halt, onresult, onerror: say,
  });
  const file = make("input", { type: "file", accept: "video/*", hidden: true, "aria-label": "video file" });
  const camera = button("Camera", () => { whole.offer(null); start(() => frames.startCamera(), true); }, { class: "sv-primary" });
  const open = button("Video file …", () => file.click());
  const stop = button("Stop", halt, { hidden: true });
  const opacity = slider("Overlay", 60, (value) => { live.opacity = value / 100; whole.renew(); draw(); });
  const unsure = slider("Unsure below", 0, (value) => { live.unsureBelow = value; draw(); }, { show: (value) => `${value} %` });
  const size = menu("Width", [["auto", "auto"], ...WIDTHS.map((width) => /** @type {[number, number]} */ ([width, width]))],
    () => stream.setWidth(Number(size.input.value) || null));
  const mirror = tickBox("Mirror", true, (checked) => { live.mirror = checked; draw(); });
  const smooth = tickBox("Smooth", false, () => { smoother.reset(); whole.renew(); });
  smooth.element.title = "A pixel changes its class only when the frames against it outweigh those for it";
  const look = tickBox("Attention", false, (checked) => {
    where.hidden = hint.hidden = !checked;
    live.gaze = checked ? live.gaze ?? { x: 0.5, y: 0.5 } : null;
    stream.configure();
  });
  const stage = menu("stage", [], () => { listBlocks(); stream.configure(); });
  const block = menu("block", [], stream.configure), head = menu("head", [], stream.configure);
  const where = make("span", { class: "sv-gaze", hidden: true }, stage.element, block.element, head.element);
  const legend = makeLegend((only) => { live.only = only; draw(); });
  const numbers = make("span", { class: "sv-note sv-numbers" });
  const hint = make("span", { class: "sv-note sv-hint", hidden: true }, "Click the picture to move the point.");
  const message = make("div", { class: "sv-message", role: "alert", hidden: true });
  const box = make("div", { class: "sv-stage" }, canvas, empty, frames.video);
  const settings = make("span", { class: "sv-settings" }, opacity.element, unsure.element, size.element, mirror.element,
    smooth.element, look.element, where);
  const frame = make("div", { class: "sv-viewer sv-live", "data-state": "empty" },
    make("div", { class: "sv-bar" }, camera, open, stop, file, settings),
    whole.element, message, make("div", { class: "sv-columns" }, box, legend.element), make("div", { class: "sv-notes" }, numbers, hint));
  root.replaceChildren(frame);

  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    if (chosen) {
      whole.offer(chosen); // also where the browser cannot play it
      start(() => frames.startFile(chosen), false);
    }
    file.value = "";
  });
  canvas.addEventListener("click", (event) => {
    const pixel = pixelAt(canvas, event);
    if (!pixel || !live.gaze) return;
    const x = (pixel.x + 0.5) / canvas.width;
    live.gaze = { x: live.mirror ? 1 - x : x, y: (pixel.y + 0.5) / canvas.height };
    stream.configure();
  });
  // A camera that goes on behind another tab would go on watching, and computing, for nobody.
  new IntersectionObserver(() => { if (live.running && !root.offsetParent) halt(); }).observe(root);

  /** @param {string} text */
  function say(text) {
    message.textContent = text;
    message.hidden = !text;
  }

  /** The annotated video in the place of the live picture, or (null) the other way round. @param {HTMLVideoElement | null} video */
  function onresult(video) {
    box.querySelector(".sv-result")?.remove();
    frame.toggleAttribute("data-result", Boolean(video));
    if (!video) return;
    box.append(video);
    video.addEventListener("loadedmetadata", () => box.style.setProperty("--ratio", String(video.videoWidth / video.videoHeight)));
  }

  /** @param {() => Promise<void>} begin @param {boolean} mirrored */
  async function start(begin, mirrored) {
    halt();
    say("");
    try {
      await begin();
    } catch (error) {
      say(/** @type {Error} */ (error).message);
      return;
    }
    mirror.input.checked = live.mirror = mirrored;
    live.running = true;
    live.latest = null;
    smoother.reset();
    frame.dataset.state = "ready";
    [stop.hidden, camera.hidden, open.hidden] = [false, true, true];
    stream.start(address.replace(/^http/, "ws") + live.path);
  }

  function halt() {
    live.running = false;
    stream.stop();
    frames.stop();
    [stop.hidden, camera.hidden, open.hidden] = [true, false, false];
  }

  function gazeOf() {
    if (!live.gaze || !live.config) return null;
    return { ...live.gaze, stage: Number(stage.input.value), block: Number(block.input.value),
      head: head.input.value === "mean" ? null : Number(head.input.value) };
  }

  /** @param {Config} config */
  function onconfig(config) {
    if (config.model === live.config?.model) return;
    live.config = config;
    live.unsureBelow = null;
    smoother.reset();
    legend.clear();
    const all = config.palette.map((_, index) => index);
    live.dotted = alikeClasses(config.palette, all.length <= MOST_DOTTED ? all : []);
    stage.fill(config.depths.map((_, index) => [index, index]));
    listBlocks();
    if (live.gaze) stream.configure();
  }

  function listBlocks() {
    if (!live.config) return;
    const { depths, heads } = live.config, at = Number(stage.input.value);
    block.fill(Array.from({ length: depths[at] }, (_, index) => [index, index]));
    head.fill([["mean", "mean"], ...Array.from({ length: heads[at] }, (_, index) => /** @type {[number, number]} */ ([index, index]))]);
  }

  /** @param {Answer} answer */
  async function onanswer({ header, picture, parts, sentAt }) {
    if (!live.config) return;
    const [labels, scores, heat] = await Promise.all(parts.map(async (part) => channel(await decode(part))));
    if (live.latest && header.frame < live.latest.header.frame && stream.expectsMore()) return; // a newer one is on screen
    if (live.unsureBelow === null) {
      live.unsureBelow = header.unsureBelow;
      unsure.set(header.unsureBelow);
    }
    const map = smooth.input.checked ? smoother.smooth({ labels, scores }) : { labels, scores };
    if (!live.latest) fit(box, canvas, picture);
    live.latest = { header, picture, map, heat };
    draw();
    measure(performance.now() - sentAt, header.seconds);
    canvas.dataset.frame = String(header.frame);
  }

  function draw() {
    if (!live.latest || !live.config) return;
    const { header, picture, map, heat } = live.latest;
    const { width, height } = picture;
    if (canvas.width !== width || canvas.height !== height) fit(box, canvas, picture);
    const context = contextOf(canvas), unsureBelow = live.unsureBelow ?? 0;
    context.setTransform(live.mirror ? -1 : 1, 0, 0, 1, live.mirror ? width : 0, 0);
    context.globalAlpha = 1;
    context.drawImage(picture, 0, 0);
    context.globalAlpha = live.opacity;
    context.imageSmoothingEnabled = false;
    const { only, dotted } = live;
    context.drawImage(paintLabels(map, live.config.palette, { only, dotted, unsureBelow }), 0, 0, width, height);
    context.globalAlpha = 1;
    if (heat && live.gaze) drawGaze(context, header, heat, live.gaze);
    if (performance.now() - live.counted > LEGEND_EVERY) {
      live.counted = performance.now();
      legend.show(live.config, sharesOf(map, unsureBelow).slice(0, 14), dotted);
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {Header} header @param {Plane} heat @param {{x: number, y: number}} gaze */
  function drawGaze(context, { stride = 1, windows = [] }, heat, gaze) {
    if (!live.latest) return;
    const { width, height } = live.latest.picture;
    const zoom = width / live.latest.map.labels.width; // from pixels that were sent to pixels on the screen
    context.drawImage(paint(heat, HEAT), 0, 0, heat.width * stride * zoom, heat.height * stride * zoom);
    context.lineWidth = 2;
    context.strokeStyle = "white";
    for (const corners of windows) {
      const [top, left, bottom, right] = corners.map((side) => side * zoom);
      context.strokeRect(left, top, right - left, bottom - top);
    }
    context.beginPath();
    context.arc(gaze.x * width, gaze.y * height, Math.max(5, width / 110), 0, 2 * Math.PI);
    context.fillStyle = "white";
    context.fill();
    context.strokeStyle = "black";
    context.stroke();
  }

  /** @param {number} latency milliseconds @param {number} seconds of the model */
  function measure(latency, seconds) {
    if (!live.latest || !live.config) return;
    const now = performance.now();
    live.shownAt = [...live.shownAt.filter((time) => now - time < 2000), now];
    live.latency += 0.2 * (latency - live.latency);
    live.seconds += 0.2 * (seconds - live.seconds);
    const span = (now - live.shownAt[0]) / 1000;
    const fps = span > 0.3 ? (live.shownAt.length - 1) / span : 0;
    const { width, height } = live.latest.map.labels;
    numbers.textContent = `${fps.toFixed(1)} frames/s · ${live.latency.toFixed(0)} ms from camera to screen, `
      + `${(1000 * live.seconds).toFixed(0)} ms of it model · ${width} × ${height} sent · ${live.config.model} on ${live.config.device}`;
    Object.assign(canvas.dataset, { fps: fps.toFixed(2), latency: live.latency.toFixed(1), model: (1000 * live.seconds).toFixed(1) });
    stream.judge(live.latency);
  }

  return {
    /** @param {{model: string, path: string}} value */
    show({ model, path }) {
      Object.assign(live, { path, model });
      stream.forget();
      stream.configure();
    },
  };
}
