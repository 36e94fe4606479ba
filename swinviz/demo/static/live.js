// Live segmentation: frames of a camera or a video go to the server through a WebSocket, labels come back.
//
// At most two frames are on their way, so that the model never waits for the network and never works on the
// past: when an answer comes, the newest picture of the camera goes out. Each answer is drawn over the very
// frame it belongs to. The frame's size adapts until answers come quickly enough.
import { channel, decode, fit, heatTable, make, paint, paintLabels, pixelAt } from "./canvas.js";
import { makeLegend } from "./legend.js";

const WIDTHS = [160, 240, 320, 480, 640];
const ON_THEIR_WAY = 2;
const SLOW = 220, FAST = 90; // milliseconds from camera to screen between which the size stays
const SHOWN = 800; // pixels across on the screen, whatever size is sent
const SETTLE = 12; // answers after a change of size before it is judged
const HEAT = heatTable();

export function mount(root, select, address) {
  const live = {
    path: null, model: null, config: null, socket: null, running: false, retries: 0, source: null,
    sent: new Map(), next: 0, waiting: false, latest: null, shownAt: [], latency: 0, seconds: 0, judged: 0,
    width: 320, ceiling: WIDTHS.length - 1, opacity: 0.6, mirror: true, only: null, gaze: null, shares: 0,
  };

  const video = make("video", { playsinline: true, hidden: true });
  video.muted = true;
  const canvas = make("canvas", { class: "sv-canvas", width: 640, height: 480, role: "img", tabindex: "0",
    "aria-label": "live segmentation" });
  const empty = make("div", { class: "sv-empty" },
    "Start the camera or choose a video. Frames are segmented by this server and kept nowhere.");
  const file = make("input", { type: "file", accept: "video/*", hidden: true, "aria-label": "video file" });
  const camera = button("Camera", startCamera, "sv-primary");
  const open = button("Video file …", () => file.click());
  const stop = button("Stop", halt);
  stop.hidden = true;
  const opacity = labeled("Overlay", make("input", { type: "range", min: 0, max: 100, value: 60 }));
  const size = labeled("Width", choice([["auto", "auto"], ...WIDTHS.map((width) => [width, width])]));
  const mirror = labeled("Mirror", make("input", { type: "checkbox" }));
  mirror.input.checked = true;
  const look = labeled("Attention", make("input", { type: "checkbox" }));
  const stage = labeled("stage", choice([])), block = labeled("block", choice([])), head = labeled("head", choice([]));
  const where = make("span", { class: "sv-gaze" }, stage.element, block.element, head.element);
  where.hidden = true;
  const legend = makeLegend((only) => { live.only = only; draw(); });
  const numbers = make("div", { class: "sv-note sv-numbers" });
  const message = make("div", { class: "sv-message", role: "alert", hidden: true });

  const box = make("div", { class: "sv-stage" }, canvas, empty, video);
  root.replaceChildren(make("div", { class: "sv-viewer sv-live", "data-state": "empty" },
    make("div", { class: "sv-bar" }, camera, open, stop, file, opacity.element, size.element, mirror.element,
      look.element, where),
    message, make("div", { class: "sv-columns" }, box, legend.element), numbers));
  const frame = root.firstChild;

  file.addEventListener("change", () => file.files[0] && startFile(file.files[0]));
  opacity.input.addEventListener("input", () => { live.opacity = opacity.input.value / 100; draw(); });
  mirror.input.addEventListener("change", () => { live.mirror = mirror.input.checked; draw(); });
  size.input.addEventListener("change", () => { live.width = Number(size.input.value) || live.width; live.judged = 0; });
  look.input.addEventListener("change", () => {
    where.hidden = !look.input.checked;
    live.gaze = look.input.checked ? live.gaze ?? { x: 0.5, y: 0.5 } : null;
    configure();
  });
  stage.input.addEventListener("change", () => { listBlocks(); configure(); });
  for (const field of [block, head]) field.input.addEventListener("change", configure);
  canvas.addEventListener("click", (event) => {
    const pixel = pixelAt(canvas, event);
    if (!pixel || !live.gaze) return;
    const x = (pixel.x + 0.5) / canvas.width;
    live.gaze = { x: live.mirror ? 1 - x : x, y: (pixel.y + 0.5) / canvas.height };
    configure();
  });

  function button(text, onclick, kind = "") {
    return make("button", { type: "button", class: `sv-button ${kind}`, onclick }, text);
  }
  function choice(options) {
    const input = make("select", { class: "sv-select" });
    fill(input, options);
    return input;
  }
  function fill(input, options) {
    const before = input.value;
    input.replaceChildren(...options.map(([value, text]) => make("option", { value }, String(text))));
    if (options.some(([value]) => String(value) === before)) input.value = before;
  }
  function labeled(text, input) {
    input.setAttribute("aria-label", text);
    return { element: make("label", { class: "sv-slider" }, make("span", {}, text), input), input };
  }
  function say(text) {
    message.textContent = text;
    message.hidden = !text;
  }

  // --- where frames come from --------------------------------------------------------------------------

  async function startCamera() {
    halt();
    if (!navigator.mediaDevices) {
      say("This browser gives its camera only to pages from this machine or over https.");
      return;
    }
    try {
      live.source = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } } });
    } catch (error) {
      say(`The camera could not be opened (${error.name}): allow it for this page, or choose a video.`);
      return;
    }
    video.srcObject = live.source;
    mirror.input.checked = live.mirror = true;
    begin();
  }

  function startFile(chosen) {
    halt();
    video.src = URL.createObjectURL(chosen);
    video.loop = true;
    mirror.input.checked = live.mirror = false;
    begin();
    file.value = "";
  }

  async function begin() {
    say("");
    try {
      await video.play();
    } catch {
      say("This video cannot be played by the browser; try an MP4 or WebM file.");
      halt();
      return;
    }
    live.running = true;
    live.retries = 0;
    frame.dataset.state = "ready";
    [stop.hidden, camera.hidden, open.hidden] = [false, true, true];
    connect();
    video.requestVideoFrameCallback(onVideoFrame);
  }

  function halt() {
    live.running = false;
    live.socket?.close();
    live.socket = null;
    live.source?.getTracks().forEach((track) => track.stop());
    live.source = null;
    video.pause();
    if (video.src) URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
    video.srcObject = null;
    [stop.hidden, camera.hidden, open.hidden] = [true, false, false];
  }

  // --- the round trip ----------------------------------------------------------------------------------

  function connect() {
    const socket = new WebSocket(address.replace(/^http/, "ws") + live.path);
    socket.binaryType = "arraybuffer";
    live.socket = socket;
    live.sent.clear();
    socket.onopen = () => { live.retries = 0; configure(); pump(); };
    socket.onmessage = ({ data }) => (typeof data === "string" ? onText(JSON.parse(data)) : onAnswer(data));
    socket.onclose = ({ code }) => {
      if (!live.running || live.socket !== socket) return;
      if (code === 1013 || live.retries === 5) { // full, or gone for good
        if (code !== 1013) say("The connection to the server was lost.");
        halt();
        return;
      }
      say("The connection was lost; trying again …");
      setTimeout(() => live.running && live.socket === socket && connect(), 500 * 2 ** live.retries++);
    };
  }

  function configure() {
    if (live.socket?.readyState !== WebSocket.OPEN) return;
    const gaze = live.gaze && live.config
      ? { ...live.gaze, stage: Number(stage.input.value), block: Number(block.input.value),
        head: head.input.value === "mean" ? null : Number(head.input.value) }
      : null;
    live.socket.send(JSON.stringify({ model: live.model, gaze }));
  }

  function onText(text) {
    if (text.error) { say(text.error); live.sent.clear(); pump(); return; }
    say("");
    if (text.model === live.config?.model) return;
    live.config = text;
    legend.clear();
    fill(stage.input, text.depths.map((_, index) => [index, index]));
    listBlocks();
  }

  function listBlocks() {
    const { depths, heads } = live.config;
    const at = Number(stage.input.value);
    fill(block.input, Array.from({ length: depths[at] }, (_, index) => [index, index]));
    fill(head.input, [["mean", "mean"], ...Array.from({ length: heads[at] }, (_, index) => [index, index])]);
  }

  function onVideoFrame() {
    live.waiting = true;
    pump();
    if (live.running) video.requestVideoFrameCallback(onVideoFrame);
  }

  async function pump() {
    const { socket } = live;
    if (!live.running || !live.waiting || live.sent.size >= ON_THEIR_WAY || socket?.readyState !== WebSocket.OPEN) return;
    live.waiting = false;
    const number = live.next++;
    const picture = still(SHOWN);
    const small = still(live.width);
    live.sent.set(number, { picture, at: performance.now() });
    const blob = await small.convertToBlob({ type: "image/jpeg", quality: 0.85 });
    const bytes = new Uint8Array(4 + blob.size);
    new DataView(bytes.buffer).setUint32(0, number, true);
    bytes.set(new Uint8Array(await blob.arrayBuffer()), 4);
    if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
  }

  /** The video's present picture, at most `width` pixels wide. */
  function still(width) {
    const across = Math.min(width, video.videoWidth);
    const down = Math.max(1, Math.round((across * video.videoHeight) / video.videoWidth));
    const picture = new OffscreenCanvas(across, down);
    picture.getContext("2d").drawImage(video, 0, 0, across, down);
    return picture;
  }

  async function onAnswer(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const sent = live.sent.get(header.frame);
    // Whatever was sent before this frame was replaced by it and will never be answered.
    for (const number of live.sent.keys()) if (number <= header.frame) live.sent.delete(number);
    pump();
    if (!sent || !live.config) return;
    let at = 4 + length;
    const files = header.parts.map((size) => new Blob([new Uint8Array(buffer, (at += size) - size, size)], { type: "image/png" }));
    const [labels, heat] = await Promise.all(files.map(async (part) => channel(await decode(part))));
    if (live.latest && header.frame < live.latest.number && live.sent.size) return; // a newer one is on screen
    live.latest = { number: header.frame, header, picture: sent.picture, labels, heat };
    draw();
    measure(performance.now() - sent.at, header.seconds);
    canvas.dataset.frame = header.frame;
  }

  // --- the screen --------------------------------------------------------------------------------------

  function draw() {
    if (!live.latest || !live.config) return;
    const { header, picture, labels, heat } = live.latest;
    const { width, height } = picture;
    if (canvas.width !== width || canvas.height !== height) fit(box, canvas, picture);
    const context = canvas.getContext("2d");
    context.setTransform(live.mirror ? -1 : 1, 0, 0, 1, live.mirror ? width : 0, 0);
    context.globalAlpha = 1;
    context.drawImage(picture, 0, 0);
    context.globalAlpha = live.opacity;
    context.imageSmoothingEnabled = false;
    context.drawImage(paintLabels(labels, live.config.palette, live.only), 0, 0, width, height);
    context.globalAlpha = 1;
    if (heat && live.gaze) drawGaze(context, header, heat, width, height);
    if (performance.now() - live.shares > 400) {
      live.shares = performance.now();
      legend.show(live.config, sharesOf(labels.values));
    }
  }

  function drawGaze(context, { stride, windows }, heat, width, height) {
    const zoom = width / live.latest.labels.width; // from pixels that were sent to pixels on the screen
    context.drawImage(paint(heat, HEAT), 0, 0, heat.width * stride * zoom, heat.height * stride * zoom);
    context.lineWidth = 2;
    context.strokeStyle = "white";
    for (const corners of windows) {
      const [top, left, bottom, right] = corners.map((side) => side * zoom);
      context.strokeRect(left, top, right - left, bottom - top);
    }
    context.beginPath();
    context.arc(live.gaze.x * width, live.gaze.y * height, Math.max(5, width / 110), 0, 2 * Math.PI);
    context.fillStyle = "white";
    context.fill();
    context.strokeStyle = "black";
    context.stroke();
  }

  function sharesOf(values) {
    const counts = new Uint32Array(256);
    for (const value of values) counts[value]++;
    return Array.from(counts, (count, index) => [index, count / values.length])
      .filter(([, share]) => share >= 0.001).sort((a, b) => b[1] - a[1]).slice(0, 14);
  }

  function measure(latency, seconds) {
    const now = performance.now();
    live.shownAt = [...live.shownAt.filter((time) => now - time < 2000), now];
    live.latency += 0.2 * (latency - live.latency);
    live.seconds += 0.2 * (seconds - live.seconds);
    const span = (now - live.shownAt[0]) / 1000;
    const fps = span > 0.3 ? (live.shownAt.length - 1) / span : 0;
    numbers.textContent = `${fps.toFixed(1)} frames/s · ${live.latency.toFixed(0)} ms from camera to screen, `
      + `${(1000 * live.seconds).toFixed(0)} ms of it model · ${live.latest.labels.width} × ${live.latest.labels.height} sent · `
      + `${live.config.model} on ${live.config.device}`;
    Object.assign(canvas.dataset, { fps: fps.toFixed(2), latency: live.latency.toFixed(1), model: (1000 * live.seconds).toFixed(1) });
    if (size.input.value === "auto" && ++live.judged >= SETTLE) adapt();
  }

  function adapt() {
    const place = WIDTHS.indexOf(live.width);
    if (live.latency > SLOW && place > 0) {
      live.ceiling = place - 1; // this size was tried and is too much
      live.width = WIDTHS[place - 1];
      live.judged = 0;
    } else if (live.latency < FAST && place < live.ceiling) {
      live.width = WIDTHS[place + 1];
      live.judged = 0;
    }
  }

  return {
    show({ model, path }) {
      Object.assign(live, { path, model });
      live.ceiling = WIDTHS.length - 1; // another model may manage what this one could not
      live.judged = 0;
      configure();
    },
  };
}
