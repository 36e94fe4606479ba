/** Pictures to try, as named buttons. @typedef {{name: string, kind: string, image: string}} Example */
import { make } from "./canvas.js";

/** @param {HTMLElement} root @param {(detail: {name: string}) => void} select */
export function mount(root, select) {
  const list = make("div", { class: "sv-examples", role: "group", "aria-label": "Or one of these" });
  root.replaceChildren(make("div", { class: "sv-caption" }, "Or one of these"), list);
  return {
    /** @param {Example[] | null} examples */
    show(examples) {
      list.replaceChildren(...(examples ?? []).map(({ name, kind, image }) =>
        make("button", { type: "button", class: "sv-example", title: kind, onclick: () => select({ name }) },
          make("img", { src: image, alt: "" }), make("span", {}, name))));
    },
  };
}
