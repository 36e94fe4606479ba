/** The viewer's transport without Python: its requests go to an engine in a worker of this page. */

/** @import {Transport} from "../../../explorer/static/transports.js" */
/** @import {Picture} from "./prepare.js" */

/**
 * Start a worker with the runtime and the model.
 * @param {{folder: string, model: string, threads: number, provider: "wasm" | "webgpu"}} from folders of the runtime and the
 *   model, on this server
 */
export async function startEngine({ folder, model, threads, provider }) {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  const waiting = new Map();
  let count = 0;
  worker.onmessage = ({ data: { id, result, error } }) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asked?.resolve(result);
    else asked?.reject(new Error(error));
  };
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new Error(event.message || "the engine could not start"));
    waiting.clear();
  };
  /** @param {object} job @returns {Promise<any>} */
  const ask = (job) => new Promise((resolve, reject) => {
    waiting.set(++count, { resolve, reject });
    worker.postMessage({ id: count, ...job });
  });
  const started = await ask({ kind: "load", folder, model, threads, provider }).catch((error) => {
    worker.terminate();
    throw error;
  });
  return {
    provider,
    /** Threads that the runtime uses. @type {number} */
    threads: started.threads,
    /** What the model's file says of itself. @type {import("./engine.js").Metadata} */
    metadata: started.metadata,
    /** Labels of a picture at its own size. @param {Picture} picture @returns {Promise<Uint8Array>} */
    labels: (picture) => ask({ kind: "labels", picture }),
    /** Take a picture, for the viewer. @param {Picture} picture @param {string} title @param {string} name @returns {Promise<Transport>} */
    async open(picture, title, name) {
      await ask({ kind: "open", picture, title, name });
      return { request: (request, args) => ask({ kind: "request", name: request, args }), close() {} };
    },
    close: () => worker.terminate(),
  };
}
