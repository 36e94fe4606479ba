// The segmentation viewer: a picture, what the model says each pixel is, and a legend that answers to clicks.
import { channel, dataToBlob, decode, download, fit, make, paintLabels, pixelAt } from "./canvas.js";
import { makeLegend } from "./legend.js";

/**
 * Mount the viewer.
 * @param root element to fill
 * @param onpoint called with {x, y} in image pixels when a pixel is clicked; leave out for none
 * @returns {show(result)}; result is what payload.py makes, or null for an empty viewer
 */
export function mount(root, onpoint) {
  const view = {
    result: null, image: null, labels: null, scores: null, overlay: null,
    only: null, opacity: 0.6, split: 0, cursor: null, turn: 0,
  };
  const canvas = make("canvas", { class: "sv-canvas", tabindex: "0", role: "img", "aria-label": "segmented picture" });
  const divider = make("div", { class: "sv-divider", hidden: true });
  const tip = make("div", { class: "sv-tip", hidden: true });
  const empty = make("div", { class: "sv-empty" }, "Choose a picture, and what the model sees appears here.");
  const stage = make("div", { class: "sv-stage" }, canvas, divider, tip, empty);
  const spoken = make("div", { class: "sv-spoken", "aria-live": "polite" });

  const opacity = slider("Overlay", 60, (value) => { view.opacity = value / 100; draw(); });
  const split = slider("Before | after", 0, (value) => { view.split = value / 100; draw(); });
  const downloads = make("span", { class: "sv-downloads" },
    button("Mask", "Class numbers as a PNG, one gray value a class", downloadMask),
    button("Overlay", "The picture as you see it", downloadOverlay),
    button("Shares", "Share of every class as JSON", downloadShares));
  const bar = make("div", { class: "sv-bar" }, opacity, split, downloads);
  const legend = makeLegend((only) => { view.only = only; repaint(); });
  const note = make("div", { class: "sv-note" });
  root.replaceChildren(make("div", { class: "sv-viewer", "data-state": "empty" },
    bar, make("div", { class: "sv-columns" }, stage, legend.element), note, spoken));
  const frame = root.firstChild;

  canvas.addEventListener("pointermove", (event) => point(pixelAt(canvas, event)));
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", (event) => {
    const pixel = pixelAt(canvas, event);
    if (pixel && onpoint) onpoint(pixel);
  });
  canvas.addEventListener("keydown", onKey);

  function slider(text, value, oninput) {
    const input = make("input", { type: "range", min: 0, max: 100, value, "aria-label": text });
    input.addEventListener("input", () => oninput(Number(input.value)));
    return make("label", { class: "sv-slider" }, make("span", {}, text), input);
  }

  function button(text, title, onclick) {
    return make("button", { type: "button", class: "sv-button", title, onclick }, `↓ ${text}`);
  }

  async function show(result) {
    const turn = ++view.turn;
    if (!result) {
      Object.assign(view, { result: null, image: null });
      frame.dataset.state = "empty";
      legend.clear();
      note.textContent = "";
      return;
    }
    const [image, labels, scores] = await Promise.all([result.image, result.labels, result.scores].map(decode));
    if (turn !== view.turn) return; // a newer result came while this one was decoded
    Object.assign(view, { result, image, labels: channel(labels), scores: channel(scores), only: null, cursor: null });
    fit(stage, canvas, image);
    canvas.setAttribute("aria-label", `segmented picture, ${image.width} by ${image.height} pixels; arrow keys read it`);
    note.textContent = result.note;
    legend.show(result, result.shares.filter(([, share]) => share > 0));
    repaint();
    frame.dataset.state = "ready";
    frame.dataset.turn = turn;
  }

  function repaint() {
    view.overlay = paintLabels(view.labels, view.result.palette, view.only);
    draw();
  }

  function draw() {
    if (!view.image) return;
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    context.globalAlpha = 1;
    context.drawImage(view.image, 0, 0);
    context.globalAlpha = view.opacity;
    context.imageSmoothingEnabled = false;
    const left = Math.round(view.split * width);
    if (left < width) context.drawImage(view.overlay, left, 0, width - left, height, left, 0, width - left, height);
    divider.hidden = view.split === 0;
    divider.style.left = `${100 * view.split}%`;
  }

  function describe({ x, y }) {
    const place = y * view.labels.width + x;
    return `${view.result.classes[view.labels.values[place]]}, ${view.scores.values[place]} % sure`;
  }

  function point(pixel) {
    tip.hidden = !pixel || !view.result;
    if (tip.hidden) return;
    tip.textContent = describe(pixel);
    const [across, down] = [pixel.x / canvas.width, pixel.y / canvas.height];
    tip.style.left = `${100 * across}%`;
    tip.style.top = `${100 * down}%`;
    tip.dataset.side = across > 0.6 ? "left" : "right";
  }

  function onKey(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!view.result || !(step || (event.key === "Enter" && view.cursor))) return;
    event.preventDefault();
    if (!step) { onpoint?.(view.cursor); return; }
    const { width, height } = canvas;
    const stride = event.shiftKey ? 1 : Math.ceil(Math.max(width, height) / 40);
    const from = view.cursor ?? { x: width >> 1, y: height >> 1 };
    const keep = (value, limit) => Math.min(limit - 1, Math.max(0, value));
    view.cursor = { x: keep(from.x + step[0] * stride, width), y: keep(from.y + step[1] * stride, height) };
    point(view.cursor);
    spoken.textContent = describe(view.cursor);
  }

  function downloadMask() { if (view.result) download(dataToBlob(view.result.labels), "mask.png"); }
  function downloadOverlay() { if (view.result) canvas.toBlob((blob) => download(blob, "overlay.png"), "image/png"); }
  function downloadShares() {
    if (!view.result) return;
    const { classes, shares, note: how } = view.result;
    const rows = shares.map(([index, share]) => ({ class: classes[index], index, share }));
    download(new Blob([JSON.stringify({ note: how, shares: rows }, null, 2)], { type: "application/json" }), "shares.json");
  }

  return { show };
}
