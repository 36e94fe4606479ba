/**
 * The page's address says what it shows: `?tab=attention&picture=temple&model=outdoor&stage=2&block=1&y=..&x=..`.
 * Tab, picture, model and the sides of a comparison are read by the server; all else is the attention viewer's state.
 * Each is a step back in the browser's history; what changes under a moving pointer is none.
 */

const FIRST_TAB = "image";
const SETTLES = 1000; // milliseconds within which further changes belong to the same step
/** Fields of the viewer's state whose change is a step; the others follow the pointer or a slider. */
const STEPS = ["stage", "block", "head", "direction", "edits", "view", "region"];
const SIDES = ["left", "right"], OURS = ["tab", "picture", "model", ...SIDES];

/** @param {string} name of a field of the address */
const isOurs = (name) => OURS.includes(name) || name.startsWith("__"); // __theme is gradio's

let lastStep = -SETTLES;
/** @type {Record<string, string>} sides of the comparison that is made: choosing others is no step */
const sides = {};
addEventListener("popstate", () => {
  lastStep = performance.now();
  writeAddress(sides);
});

/** @param {URL} url to be the address from now on @param {boolean} step whether one can go back to that before */
function write(url, step) {
  if (url.href === location.href) return; // one went back to it
  if (step) lastStep = performance.now();
  history[step ? "pushState" : "replaceState"](history.state, "", url);
}

const isSettled = () => performance.now() - lastStep > SETTLES;

/** @param {Record<string, string>} fields to be in the address from now on */
export function writeAddress(fields) {
  const url = new URL(location.href);
  let step = false;
  for (const [name, value] of Object.entries(fields)) {
    const before = url.searchParams.get(name);
    if (SIDES.includes(name)) sides[name] = value;
    else step ||= Boolean(before && before !== value); // what is named for the first time was there before
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  write(url, step && isSettled());
}

/** Fields of the address that the server knows: what it has to bring back. */
export const served = () => Object.fromEntries(OURS.map((name) => [name, new URLSearchParams(location.search).get(name) ?? ""]));

/** The attention viewer's state in the address. */
export function viewerState() {
  const theirs = [...new URLSearchParams(location.search)].filter(([name]) => !isOurs(name));
  return new URLSearchParams(theirs).toString();
}

/** The page's address with another state of the attention viewer in it. @param {string} state */
export function addressOf(state) {
  const url = new URL(location.href);
  for (const name of [...url.searchParams.keys()]) if (!isOurs(name)) url.searchParams.delete(name);
  for (const [name, value] of new URLSearchParams(state)) if (!isOurs(name)) url.searchParams.set(name, value);
  return url.href;
}

/**
 * @param {string} state of the attention viewer, to be in the address from now on
 * @param {boolean} step whether it may be a step back in the history
 */
export function writeViewerState(state, step = true) {
  const [before, after] = [viewerState(), state].map((text) => new URLSearchParams(text));
  /** @param {string} name */
  const differs = (name) => before.get(name) !== after.get(name);
  const moved = after.get("locked") === "true" && (differs("y") || differs("x"));
  const first = !before.has("stage"); // it was there, only not yet in the address
  write(new URL(addressOf(state)), step && !first && (STEPS.some(differs) || moved) && isSettled());
}

/** @param {string} id of a tab */
export function openTab(id) {
  const tab = /** @type {HTMLElement | null} */ (document.querySelector(`[role=tab][data-tab-id="${id}"]`));
  tab?.click();
}

let following = false;

/** Keep the open tab in the address. */
export function followTabs() {
  if (following) return;
  following = true;
  let before = "";
  const named = () => new URLSearchParams(location.search).get("tab") ?? FIRST_TAB;
  const follow = () => {
    const open = document.querySelector("[role=tab][aria-selected=true][data-tab-id]");
    const id = open?.getAttribute("data-tab-id");
    if (!id) return; // it is being moved out of the menu of tabs that did not fit
    if (before && id !== before && id !== named()) { // the first is where the address, or nothing, led
      const url = new URL(location.href);
      url.searchParams.set("tab", id);
      write(url, true);
    }
    before = id;
  };
  follow();
  const soon = () => { for (const delay of [0, 300]) setTimeout(follow, delay); };
  document.addEventListener("click", soon);
  document.addEventListener("keyup", soon);
  addEventListener("popstate", () => openTab(named()));
}
