/** Which engine this browser gets: WebGPU, or WebAssembly with as many threads as it is allowed. */

/** @typedef {Awaited<ReturnType<typeof startEngine>>} Engine */

import { startEngine } from "./engine/transport.js";

const WAIT = 3000; // milliseconds that the service worker may take to start

/** Threads need cross-origin isolation; where the server does not give it, a service worker does, after one reload. */
export async function isolate() {
  if (crossOriginIsolated || !("serviceWorker" in navigator) || sessionStorage.getItem("isolation")) return;
  sessionStorage.setItem("isolation", "tried"); // once: where it does not help, one thread does the work
  try {
    await navigator.serviceWorker.register("isolation.js");
  } catch {
    return; // a private window, or a browser that forbids it
  }
  const late = new Promise((resolve) => { setTimeout(resolve, WAIT); }); // some never tell that they forbid it
  if (!(await Promise.race([navigator.serviceWorker.ready, late]))) return;
  location.reload();
  await new Promise(() => {});
}

/** Whether the browser has WebGPU on a graphics card, not on the processor in disguise. */
async function hasGPU() {
  const adapter = await /** @type {any} */ (navigator).gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

/**
 * Start the quickest engine that works. `?provider=webgpu`, `?provider=wasm` and `?threads=N` in the address decide for measurements.
 * @param {(text: string) => void} say where a change of plan is told
 * @returns {Promise<Engine>}
 */
export async function startBest(say) {
  const asked = new URLSearchParams(location.search);
  /** @param {string} path */
  const at = (path) => new URL(path, document.baseURI).href;
  const places = { folder: at("runtime/"), model: at("models/") };
  if ((asked.get("provider") ?? ((await hasGPU()) ? "webgpu" : "wasm")) === "webgpu") {
    try {
      return await startEngine({ ...places, threads: 1, provider: "webgpu" });
    } catch (error) {
      say(`WebGPU does not run this model here (${/** @type {Error} */ (error).message}); WebAssembly does.`);
    }
  }
  const threads = crossOriginIsolated ? Number(asked.get("threads")) || Math.min(4, navigator.hardwareConcurrency) : 1;
  return startEngine({ ...places, threads, provider: "wasm" });
}

/** What runs the model, in words. @param {Engine} engine */
export function engineSentence({ provider, threads }) {
  if (provider === "webgpu") return "WebGPU.";
  return threads > 1 ? `${threads} threads of WebAssembly.`
    : "one thread of WebAssembly (this browser or server gives no more).";
}
