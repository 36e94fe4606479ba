// The explorer inside the page. It is opened when its tab is first seen, so that looking costs, not arriving.
const EMPTY = "Choose a picture in the Image tab; here you then see what each of its pixels attends to.";

export function mount(root, select, address) {
  let wanted = null;
  let opened = null;
  let viewer = null;
  let state = "";

  async function open() {
    if (wanted === opened || !root.offsetParent) return;
    opened = wanted;
    viewer?.close();
    viewer = null;
    if (!opened) {
      root.textContent = EMPTY;
      return;
    }
    const path = opened;
    const explorer = await import(`${address}/swinviz/explorer/explorer.js`);
    const made = await explorer.mount(root, explorer.fetchTransport(address + path), {
      state, onstate: (now) => { state = now; },
    }).catch(() => null); // it says itself, in its place, why it could not open
    if (path === opened) viewer = made;
    else made?.close();
  }

  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: `${address}/swinviz/explorer/explorer.css` });
  document.head.append(style);
  new IntersectionObserver(open).observe(root);
  return {
    show(value) {
      wanted = value?.path ?? null;
      open();
    },
  };
}
