/** How a request reaches whoever answers it: by a notebook's messages, by HTTP, or out of the page itself. */

/**
 * @import {Message} from "./wire_format.js"
 * @typedef {Record<string, string | number>} Arguments
 * @typedef {{request: (name: string, args: Arguments) => Promise<Message>, close: () => void}} Transport
 * @typedef {{on: Function, off: Function, send: (content: object) => void}} WidgetModel anywidget's side of it
 */

import { unpack } from "./wire_format.js";

/**
 * The key under which an answer is known: the request's name and its arguments in alphabetical order.
 * @param {string} name @param {Arguments} args
 */
export function requestKey(name, args = {}) {
  const query = Object.keys(args).sort().map((key) => `${key}=${args[key]}`).join("&");
  return query ? `${name}?${query}` : name;
}

/**
 * Requests as anywidget messages; answers carry the same id, and their bytes as a buffer.
 * @param {WidgetModel} model @returns {Transport}
 */
export function widgetTransport(model) {
  /** @type {Map<string, {resolve: (message: Message) => void, reject: (error: Error) => void}>} */
  const waiting = new Map();
  const prefix = Math.random().toString(36).slice(2); // two views of one widget both hear every answer
  let count = 0;
  /** @param {{id: string, error?: string}} content @param {DataView[]} buffers */
  const onmessage = ({ id, error }, buffers) => {
    const asked = waiting.get(id);
    if (!asked) return;
    waiting.delete(id);
    if (error) asked.reject(new Error(error));
    else asked.resolve(unpack(new Uint8Array(buffers[0].buffer, buffers[0].byteOffset, buffers[0].byteLength)));
  };
  model.on("msg:custom", onmessage);
  return {
    request: (name, args) => new Promise((resolve, reject) => {
      const id = `${prefix}-${count++}`;
      waiting.set(id, { resolve, reject });
      model.send({ id, name, args });
    }),
    close: () => model.off("msg:custom", onmessage),
  };
}

/**
 * Requests by HTTP: POST {name, args} as JSON; the answer is the message, or text that says why not.
 * @param {string} url @returns {Transport}
 */
export function fetchTransport(url) {
  return {
    async request(name, args) {
      const answer = await fetch(url, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name, args }),
      });
      if (!answer.ok) throw new Error((await answer.text()) || `the server answered ${answer.status}`);
      return unpack(new Uint8Array(await answer.arrayBuffer()));
    },
    close() {},
  };
}

/**
 * Requests answered from a file.
 * @param {(key: string) => string | null | undefined} find the gzipped, base64 message of a key
 * @returns {Transport}
 */
export function fileTransport(find) {
  return {
    async request(name, args) {
      const text = find(requestKey(name, args));
      if (!text) throw new Error("This is not kept in the file, which would otherwise be too large.");
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      return unpack(new Uint8Array(await new Response(stream).arrayBuffer()));
    },
    close() {},
  };
}
