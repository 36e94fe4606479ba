/** The host's theme: JupyterLab, VS Code and Gradio mark the body; a file follows the system. */

/** @typedef {{page: string, panel: string, line: string, text: string, veil: string, query: string}} Colors as CSS has them */

import { QUERY_COLOR } from "./colors.js";

/**
 * Follow the host's theme.
 * @param {HTMLElement} root marked with the theme
 * @param {() => void} onchange called when another theme's colors are there
 */
export function followTheme(root, onchange) {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => {
    const { body, documentElement } = document;
    if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
    if (body.dataset.vscodeThemeKind) return /dark|high-contrast$/.test(body.dataset.vscodeThemeKind);
    if (document.querySelector("gradio-app, .gradio-container")) return body.matches(".dark") || documentElement.matches(".dark");
    return system.matches;
  };
  /** @returns {Colors} */
  const read = () => {
    root.dataset.theme = isDark() ? "dark" : "light";
    const style = getComputedStyle(root);
    /** @param {string} name */
    const color = (name) => style.getPropertyValue(`--swv-${name}`).trim();
    return { page: color("page"), panel: color("panel"), line: color("line"), text: color("text"), veil: color("veil"), query: QUERY_COLOR };
  };
  let colors = read();
  const update = () => { colors = read(); onchange(); };
  const observer = new MutationObserver(update);
  for (const node of [document.body, document.documentElement]) observer.observe(node, { attributes: true });
  system.addEventListener("change", update);
  return {
    colors: () => colors,
    close() { observer.disconnect(); system.removeEventListener("change", update); },
  };
}
