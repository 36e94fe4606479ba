// Two segmentations of one picture under one slider, and what differs between them.
import { channel, decode, fit, make, paint, paintLabels, percent, rgb } from "./canvas.js";

const FLIPPED = new Uint32Array(256);
new Uint8ClampedArray(FLIPPED.buffer).set([255, 255, 255, 255], 4 * 255);

export function mount(root) {
  const view = { result: null, image: null, sides: [], flips: null, split: 0.5, opacity: 0.6, onlyFlips: false };
  const canvas = make("canvas", { class: "sv-canvas", role: "img", "aria-label": "two segmentations of one picture" });
  const divider = make("div", { class: "sv-divider" });
  const titles = [make("span", { class: "sv-side sv-left" }), make("span", { class: "sv-side sv-right" })];
  const empty = make("div", { class: "sv-empty" }, "Choose a picture in the Image tab; here two models, or one before and after an edit, are set side by side.");
  const stage = make("div", { class: "sv-stage" }, canvas, divider, ...titles, empty);
  const split = slider("Left | right", 50, (value) => { view.split = value / 100; });
  const opacity = slider("Overlay", 60, (value) => { view.opacity = value / 100; });
  const box = make("input", { type: "checkbox" });
  box.addEventListener("change", () => { view.onlyFlips = box.checked; draw(); });
  const flips = make("label", { class: "sv-slider" }, box, make("span", {}, "Changed pixels"));
  const table = make("table", { class: "sv-table" });
  const note = make("div", { class: "sv-note" });
  root.replaceChildren(make("div", { class: "sv-viewer", "data-state": "empty" },
    make("div", { class: "sv-bar" }, split, opacity, flips),
    make("div", { class: "sv-columns" }, stage, make("div", { class: "sv-legend" }, table)), note));
  const frame = root.firstChild;
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
  canvas.addEventListener("pointerdown", follow);

  function slider(text, value, oninput) {
    const input = make("input", { type: "range", min: 0, max: 100, value, "aria-label": text });
    input.addEventListener("input", () => { oninput(Number(input.value)); draw(); });
    return make("label", { class: "sv-slider" }, make("span", {}, text), input);
  }

  function follow(event) {
    const { left, width } = canvas.getBoundingClientRect();
    view.split = Math.min(1, Math.max(0, (event.clientX - left) / width));
    split.querySelector("input").value = 100 * view.split;
    draw();
  }

  async function show(result) {
    if (!result) return;
    const [image, flipped, ...labels] = await Promise.all(
      [result.image, result.flipped, ...result.sides.map((side) => side.labels)].map(decode));
    const sides = result.sides.map((side, index) => paintLabels(channel(labels[index]), side.palette));
    Object.assign(view, { result, image, sides, flips: paint(channel(flipped), FLIPPED) });
    fit(stage, canvas, image);
    result.sides.forEach((side, index) => { titles[index].textContent = side.title; });
    note.textContent = `${percent(result.flippedShare)} of the pixels change their class`;
    list();
    draw();
    frame.dataset.state = "ready";
  }

  function list() {
    const [before, after] = view.result.sides.map((side) =>
      new Map(side.shares.map(([index, share]) => [side.classes[index], { share, color: side.palette[index] }])));
    const names = [...new Set([...before.keys(), ...after.keys()])];
    const share = (side, name) => side.get(name)?.share ?? 0;
    names.sort((a, b) => Math.max(share(before, b), share(after, b)) - Math.max(share(before, a), share(after, a)));
    const rows = names.map((name) => {
      const change = share(after, name) - share(before, name);
      return make("tr", {},
        make("td", {}, make("span", { class: "sv-swatch", style: `background:${rgb((before.get(name) ?? after.get(name)).color)}` })),
        make("td", { class: "sv-name" }, name),
        make("td", {}, percent(share(before, name))), make("td", {}, percent(share(after, name))),
        make("td", { class: Math.abs(change) < 0.0005 ? "sv-same" : "" }, `${change < 0 ? "−" : "+"}${percent(Math.abs(change))}`));
    });
    table.replaceChildren(
      make("thead", {}, make("tr", {}, ...["", "class", "left", "right", "change"].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...rows));
  }

  function draw() {
    if (!view.image) return;
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    const middle = Math.round(view.split * width);
    context.globalAlpha = 1;
    context.filter = view.onlyFlips ? "grayscale(1) brightness(.6)" : "none";
    context.drawImage(view.image, 0, 0);
    context.filter = "none";
    context.globalAlpha = view.onlyFlips ? 0.25 * view.opacity : view.opacity;
    const parts = [[0, middle], [middle, width - middle]];
    view.sides.forEach((side, index) => {
      const [left, across] = parts[index];
      if (across > 0) context.drawImage(side, left, 0, across, height, left, 0, across, height);
    });
    context.globalAlpha = 0.85;
    if (view.onlyFlips) context.drawImage(view.flips, 0, 0);
    divider.style.left = `${100 * view.split}%`;
  }

  return { show };
}
