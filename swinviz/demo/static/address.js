/**
 * The page's address says what it shows: `?tab=attention&picture=temple&model=outdoor&stage=2&block=1&y=..&x=..`.
 * Tab, picture, model and the sides of a comparison are read by the server; all else is the attention viewer's state.
 */

const OURS = ["tab", "picture", "model", "left", "right"];

/** @param {string} name of a field of the address */
const isOurs = (name) => OURS.includes(name) || name.startsWith("__"); // __theme is gradio's

/** @param {Record<string, string>} fields to be in the address from now on */
export function writeAddress(fields) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(fields)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(history.state, "", url);
}

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

/** @param {string} state of the attention viewer, to be in the address from now on */
export const writeViewerState = (state) => history.replaceState(history.state, "", addressOf(state));

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
  const write = () => {
    const open = document.querySelector("[role=tab][aria-selected=true][data-tab-id]");
    const id = open?.getAttribute("data-tab-id");
    if (!id) return; // it is being moved out of the menu of tabs that did not fit
    if (before && id !== before) writeAddress({ tab: id }); // the first is where the address, or nothing, led
    before = id;
  };
  write();
  const soon = () => { for (const delay of [0, 300]) setTimeout(write, delay); };
  document.addEventListener("click", soon);
  document.addEventListener("keyup", soon);
}
