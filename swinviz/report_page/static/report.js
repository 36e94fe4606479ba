/**
 * @typedef {[number, string, number | null, number | null, [number, number][]]} ImageRow
 *   place, name, mean IoU, share of right pixels, IoU of each class that is in it
 * @typedef {{name: string, iou: number | null, accuracy: number | null, boundary_iou: number | null}} ClassRow
 * @typedef {{dataset: string, options: string, preset: string, figures: Record<string, number | null>,
 *   published: Record<string, string>, classes: ClassRow[], palette: number[][], confusion: number[][],
 *   calibration: number[][], borders: number[][] | null, boundaries: number[][] | null, images: ImageRow[],
 *   environment: Record<string, string>, notes: string[]}} Evaluation
 * @typedef {{photo: string, truth: string, prediction: string, confidence: string, errors: string,
 *   predicted: number[]}} Pictures
 */

/** @type {{title: string, report: Evaluation, baseline: Evaluation | null, pictures: Record<string, Pictures>}} */
const data = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("data")).textContent ?? "");
const { report, baseline, pictures } = data;
const before = new Map((baseline?.images ?? []).map((image) => [image[1], image]));
const state = { label: -1, order: baseline ? "change" : "worst", text: "", image: -1 };

/**
 * @param {string} tag
 * @param {Record<string, unknown>} attributes
 * @param {...(Node | string)} children
 */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (value !== undefined && value !== null) element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/** @param {number | null | undefined} value */
const percent = (value) => (value === null || value === undefined ? "–" : (100 * value).toFixed(1));

/**
 * A difference in points, colored by which way is better.
 * @param {number | null | undefined} now
 * @param {number | null | undefined} then
 * @param {boolean} lower
 */
function change(now, then, lower = false) {
  if (now === null || now === undefined || then === null || then === undefined) return make("span");
  const points = 100 * (now - then);
  const kind = Math.abs(points) < 0.05 ? "soft" : points > 0 !== lower ? "better" : "worse";
  return make("span", { class: kind }, `${points >= 0 ? "+" : "−"}${Math.abs(points).toFixed(1)}`);
}

/** @param {number} label */
function swatch(label) {
  const color = report.palette[label];
  return make("span", { class: "swatch", style: color ? `background:rgb(${color.join(",")})` : undefined });
}

/** @param {ImageRow | undefined} image */
const score = (image) =>
  !image ? null : state.label < 0 ? image[2] : (image[4].find(([label]) => label === state.label)?.[1] ?? null);

function header() {
  const named = /** @type {[string, string, boolean][]} */ ([
    ["miou", "mIoU", false], ["macc", "mean accuracy", false], ["aacc", "pixels right", false],
    ["boundary_iou", "boundary IoU", false], ["calibration_error", "calibration error", true],
  ]);
  const shown = named.filter(([key]) => report.figures[key] !== null && report.figures[key] !== undefined);
  return [
    make("h1", {}, data.title),
    make("p", { class: "soft" }, `${report.images.length} images, ${report.options}; figures in percent`
      + (baseline ? "; differences in points against the earlier report" : "")),
    ...report.notes.slice(0, 1).map((note) => make("p", {}, note)),
    make("div", { class: "figures" }, ...shown.map(([key, name, lower]) => make("div", { class: "figure" },
      make("span", { class: "soft" }, name), make("b", {}, percent(report.figures[key])),
      baseline ? change(report.figures[key], baseline.figures[key], lower) : "",
      key === "miou" && report.published.mIoU ? make("span", { class: "soft" }, `published ${report.published.mIoU}`) : "",
    ))),
  ];
}

/** Images that are shown, in their order. */
function chosen() {
  const found = report.images.filter((image) =>
    image[1].toLowerCase().includes(state.text) && (state.label < 0 || score(image) !== null));
  /** @param {ImageRow} image */
  const key = (image) => {
    const now = score(image);
    if (now === null) return 2;
    const then = score(before.get(image[1]));
    return state.order === "change" ? (then === null ? 1 : now - then) : state.order === "best" ? -now : now;
  };
  if (state.order === "name") return found.sort((a, b) => a[1].localeCompare(b[1]));
  return found.map((image) => /** @type {[number, ImageRow]} */ ([key(image), image]))
    .sort((a, b) => a[0] - b[0]).map(([, image]) => image);
}

const rows = make("tbody");
const count = make("span", { class: "soft", role: "status" });
const detail = make("div");
const columns = make("tr");

function showImages() {
  const images = chosen();
  const what = state.label < 0 ? "mIoU" : `IoU of ${report.classes[state.label].name}`;
  columns.replaceChildren(...["image", what, ...(baseline ? ["change"] : []), "pixels right"].map((name) =>
    make("th", { scope: "col" }, name)));
  count.textContent = `${images.length} of ${report.images.length} images`;
  rows.replaceChildren(...images.map((image) => {
    const choose = () => { state.image = image[0]; showImages(); showDetail(image); };
    return make("tr", {
      tabindex: 0, "aria-selected": image[0] === state.image, onclick: choose,
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); focusRow(); }
      },
    }, make("td", { title: image[1] }, image[1]), make("td", {}, percent(score(image))),
      ...(baseline ? [make("td", {}, change(score(image), score(before.get(image[1]))))] : []),
      make("td", {}, percent(image[3])));
  }));
}

const focusRow = () => /** @type {HTMLElement | null} */ (rows.querySelector('[aria-selected="true"]'))?.focus();

/** @param {ImageRow} image */
function showDetail(image) {
  const shown = pictures[image[0]];
  const classes = [...image[4]].sort((a, b) => a[1] - b[1]);
  const invented = (shown?.predicted ?? []).filter((label) => !classes.some(([known]) => known === label));
  const panel = (/** @type {string} */ caption, /** @type {string[]} */ ...addresses) => make("figure", {},
    make("div", { class: addresses.length > 1 ? "over" : "" },
      ...addresses.map((address, index) => make("img", { src: address, alt: index ? "" : `${caption}: ${image[1]}` }))),
    make("figcaption", {}, caption));
  detail.replaceChildren(
    make("p", {}, make("strong", {}, image[1]), ` mIoU ${percent(image[2])}, ${percent(image[3])} % of pixels right`),
    shown ? make("div", { class: "panels" }, panel("image", shown.photo), panel("truth", shown.truth),
      panel("prediction", shown.prediction), panel("errors", shown.photo, shown.errors),
      panel("confidence, white for 1", shown.confidence))
      : make("p", { class: "soft" }, "This page keeps pictures of the worst images only."),
    make("div", { class: "legend" }, ...classes.map(([label, iou]) =>
      make("span", {}, swatch(label), `${report.classes[label].name} ${percent(iou)}`)),
    ...invented.map((label) => make("span", { class: "soft" }, swatch(label), `${report.classes[label].name}, predicted only`))),
  );
}

/** @param {number} label */
function filterBy(label) {
  state.label = label;
  picker.value = String(label);
  state.image = -1;
  showImages();
  const first = chosen()[0];
  if (first) { state.image = first[0]; showImages(); showDetail(first); }
}

const present = report.classes.map((_, label) => label)
  .filter((label) => report.confusion[label].some((pixels) => pixels > 0));
const picker = /** @type {HTMLSelectElement} */ (make("select", {
  id: "class", onchange: () => filterBy(Number(picker.value)),
}, make("option", { value: -1 }, "any class"),
  ...[...present].sort((a, b) => report.classes[a].name.localeCompare(report.classes[b].name))
    .map((label) => make("option", { value: label }, report.classes[label].name))));
const order = /** @type {HTMLSelectElement} */ (make("select", {
  id: "order", onchange: () => { state.order = order.value; showImages(); },
}, ...(baseline ? [make("option", { value: "change" }, "what got worse first")] : []),
  make("option", { value: "worst" }, "worst first"), make("option", { value: "best" }, "best first"),
  make("option", { value: "name" }, "by name")));
const search = /** @type {HTMLInputElement} */ (make("input", {
  type: "search", id: "search", placeholder: "name contains",
  oninput: () => { state.text = search.value.toLowerCase(); showImages(); },
}));

function images() {
  return [
    make("h2", { id: "images" }, "Images"),
    make("div", { class: "controls" }, 
      ...[{ text: "with", control: picker }, { text: "order", control: order }, { text: "name", control: search }].map(
        ({ text, control }) => make("span", {}, make("label", { for: control.id }, text), control)), count),
    make("div", { class: "columns" }, make("div", { class: "scroll", tabindex: -1 },
      make("table", {}, make("thead", {}, columns), rows)), detail),
  ];
}

function classes() {
  const sorted = [...present].sort((a, b) => (report.classes[b].iou ?? -1) - (report.classes[a].iou ?? -1));
  const pixels = report.confusion.map((row) => row.reduce((sum, value) => sum + value, 0));
  const all = pixels.reduce((sum, value) => sum + value, 0);
  return [
    make("h2", {}, "Classes"),
    make("p", { class: "soft" }, "A click shows the images that hold the class."),
    make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {},
      ...["class", "IoU", ...(baseline ? ["change"] : []), "", "accuracy", "boundary IoU", "share of pixels"]
        .map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...sorted.map((label) => {
      const row = report.classes[label];
      const choose = () => { filterBy(label); document.getElementById("images")?.scrollIntoView(); };
      return make("tr", {
        tabindex: 0, onclick: choose,
        onkeydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter") choose(); },
      }, make("td", {}, swatch(label), row.name), make("td", {}, percent(row.iou)),
        ...(baseline ? [make("td", {}, change(row.iou, baseline.classes[label].iou))] : []),
        make("td", { style: "text-align:left;width:120px" },
          make("span", { class: "bar", style: `width:${Math.round(110 * (row.iou ?? 0))}px` })),
        make("td", {}, percent(row.accuracy)), make("td", {}, percent(row.boundary_iou)),
        make("td", {}, percent(pixels[label] / all)));
    })))),
  ];
}

function confusion() {
  const pixels = report.confusion.map((row) => row.reduce((sum, value) => sum + value, 0));
  const shown = [...present].sort((a, b) => pixels[b] - pixels[a]).slice(0, 25);
  const cells = (/** @type {number} */ truth) => shown.map((label) => {
    const share = report.confusion[truth][label] / pixels[truth];
    const mix = Math.round(100 * Math.sqrt(share));
    const text = `${report.classes[truth].name} taken for ${report.classes[label].name}: ${percent(share)} %`;
    return make("td", {}, make("button", {
      title: text, "aria-label": text,
      style: `background:color-mix(in srgb, var(--accent) ${mix}%, var(--page));${mix > 55 ? "color:var(--page)" : ""}`,
      onclick: () => { filterBy(truth); document.getElementById("images")?.scrollIntoView(); },
    }, share >= 0.01 ? String(Math.round(100 * share)) : ""));
  });
  return [
    make("h2", {}, "Confusion"),
    make("p", { class: "soft" }, "Percent of the true class's pixels (rows) by prediction (columns)"
      + (present.length > shown.length ? `; the ${shown.length} classes with the most pixels` : "")
      + ". A click shows the images that hold the true class."),
    make("div", { class: "confusion" }, make("table", {},
      make("thead", {}, make("tr", {}, make("td"), ...shown.map((label) =>
        make("th", { scope: "col" }, make("span", {}, report.classes[label].name))))),
      make("tbody", {}, ...shown.map((truth) => make("tr", {},
        make("th", { scope: "row", style: "text-align:right" }, report.classes[truth].name), ...cells(truth)))))),
  ];
}

/**
 * A line chart; x and y from 0 to 1 unless limits are given.
 * @param {{lines: {points: [number, number][], color: string, name: string}[], x: string, y: string,
 *   low: number, high: number, width: number, diagonal?: boolean}} chart
 */
function plot(chart) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 400 260");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${chart.y} by ${chart.x}`);
  const across = (/** @type {number} */ x) => 44 + (335 * x) / chart.width;
  const up = (/** @type {number} */ y) => 220 - (208 * (y - chart.low)) / (chart.high - chart.low);
  /** @param {string} tag @param {Record<string, string | number>} attributes @param {string} text */
  const draw = (tag, attributes, text = "") => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    element.textContent = text;
    svg.append(element);
  };
  for (let tick = 0; tick <= 4; tick += 1) {
    const y = chart.low + (tick / 4) * (chart.high - chart.low);
    draw("line", { x1: 44, x2: 389, y1: up(y), y2: up(y), stroke: "var(--line)" });
    draw("text", { x: 38, y: up(y) + 4, "text-anchor": "end" }, `${Math.round(1000 * y) / 10}`);
    const x = (tick / 4) * chart.width;
    draw("text", { x: across(x), y: 236, "text-anchor": "middle" }, String(chart.width > 2 ? Math.round(10 * x) / 10 : Math.round(100 * x) / 100));
  }
  draw("text", { x: 216, y: 254, "text-anchor": "middle" }, chart.x);
  if (chart.diagonal) {
    draw("line", { x1: across(0), y1: up(0), x2: across(1), y2: up(1), stroke: "var(--soft)", "stroke-dasharray": "4 4" });
  }
  chart.lines.forEach(({ points, color, name }, index) => {
    draw("polyline", { points: points.map(([x, y]) => `${across(x)},${up(y)}`).join(" "), fill: "none", stroke: color, "stroke-width": 2 });
    for (const [x, y] of points) draw("circle", { cx: across(x), cy: up(y), r: 2.5, fill: color });
    if (chart.lines.length > 1) draw("text", { x: 386, y: 194 + 16 * index, "text-anchor": "end", style: `fill:${color}` }, name);
  });
  return svg;
}

/** @param {(of: Evaluation) => [number, number][]} points */
function lines(points) {
  const now = { points: points(report), color: "var(--accent)", name: "this report" };
  const then = { points: baseline ? points(baseline) : [], color: "var(--worse)", name: "earlier report" };
  return [then, now].filter((line) => line.points.length);
}

function trust() {
  /** @param {Evaluation} of @returns {[number, number][]} */
  const calibration = (of) => of.calibration[0].flatMap((pixels, bin) =>
    pixels > 0 ? [/** @type {[number, number]} */ ([of.calibration[1][bin] / pixels, of.calibration[2][bin] / pixels])] : []);
  /** @param {number[][] | null | undefined} counts @returns {[number, number][]} */
  const shares = (counts) => (counts ? counts[0].flatMap((distance, bin) => (counts[2][bin] > 0
    ? [/** @type {[number, number]} */ ([distance, counts[1][bin] / counts[2][bin]])] : [])) : []);
  const charts = [];
  if (calibration(report).length) {
    charts.push(make("div", {}, make("h2", {}, "Calibration"),
      make("p", { class: "soft" }, `Percent of pixels that are right, by the confidence of their class. On the dashed line a
        model is as often right as it says; on average it is ${percent(report.figures.calibration_error)} points away.`),
      plot({ lines: lines(calibration), x: "confidence", y: "percent right", low: 0, high: 1, width: 1, diagonal: true })));
  }
  /** @param {string} title @param {string} of @param {(report: Evaluation) => [number, number][]} points */
  const byDistance = (title, of, points) => {
    if (!points(report).length) return;
    const values = lines(points).flatMap((line) => line.points.map(([, y]) => y));
    const low = Math.max(0, Math.floor(50 * Math.min(...values)) / 50 - 0.02);
    const high = Math.min(1, Math.ceil(50 * Math.max(...values)) / 50 + 0.02);
    const width = Math.max(...points(report).map(([x]) => x)) * 1.08;
    charts.push(make("div", {}, make("h2", {}, title),
      make("p", { class: "soft" }, `Percent of pixels that are right, by their distance to the nearest ${of}.`),
      plot({ lines: lines(points), x: "distance in pixels", y: "percent right", low, high, width })));
  };
  byDistance("Class boundaries", "true boundary between two classes, in pixels of the picture",
    (of) => shares(of.boundaries));
  byDistance("Window borders",
    "border between two of the first stage's windows, in pixels of the model's input", (of) => shares(of.borders));
  return charts.length ? [make("div", { class: "charts" }, ...charts)] : [];
}

/** @type {HTMLElement} */ (document.getElementById("report")).append(
  ...header(), ...images(), ...classes(), ...confusion(), ...trust(),
  make("p", { class: "soft", style: "margin-top:34px" },
    Object.entries(report.environment).map(([name, value]) => `${name} ${value}`).join(", ")));
filterBy(-1);
export {};
