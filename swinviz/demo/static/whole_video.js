/**
 * A whole video, annotated by the server: the file goes up, progress comes back, then the video with its classes.
 *
 * @typedef {{model: string, opacity: number, smooth: boolean}} Look
 * @typedef {{done: number, of: number | null}} Progress
 */
import { download, make } from "./canvas.js";
import { button } from "./controls.js";

const LARGEST = 25 * 2 ** 20; // bytes; the server refuses more, but only after they were sent
const PATH = "/swinviz/video";

/**
 * Lines of JSON, and what follows the one that tells how many bytes follow it.
 * @param {ReadableStream<Uint8Array>} body @param {(line: any) => void} online
 * @returns {Promise<Blob | null>} the bytes, or null where none were announced
 */
export async function readAnswer(body, online) {
  const reader = body.getReader(), decoder = new TextDecoder();
  let rest = new Uint8Array(0), expected = -1;
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  for (let { done, value } = await reader.read(); !done && value; { done, value } = await reader.read()) {
    if (expected >= 0) {
      parts.push(new Uint8Array(value));
      continue;
    }
    const joined = new Uint8Array(rest.length + value.length);
    joined.set(rest);
    joined.set(value, rest.length);
    rest = joined;
    for (let end = rest.indexOf(10); end >= 0 && expected < 0; end = rest.indexOf(10)) {
      const line = JSON.parse(decoder.decode(rest.subarray(0, end)));
      rest = rest.slice(end + 1);
      if ("bytes" in line) expected = line.bytes;
      online(line);
    }
    if (expected >= 0) parts.push(rest);
  }
  if (expected < 0) return null;
  const blob = new Blob(parts, { type: "video/mp4" });
  if (blob.size !== expected) throw new Error("The connection broke before the video had come; please try again.");
  return blob;
}

/** How long the rest takes, in words. @param {Progress} progress @param {number} since milliseconds */
export function progressText({ done, of }, since) {
  if (!of) return `frame ${done}`;
  const left = Math.round(((of - done) * since) / done / 1000);
  const time = left >= 90 ? `${Math.round(left / 60)} minutes` : `${left} s`;
  return `frame ${done} of ${of}, about ${time} left`;
}

/**
 * The row that offers to annotate a chosen file, and its result.
 * @param {string} address of the server
 * @param {{look: () => Look, onbegin: () => void, onresult: (video: HTMLVideoElement | null) => void,
 *   onerror: (sentence: string) => void}} host what is asked for; who makes room, shows the video, hears of refusals
 */
export function makeWholeVideo(address, { look, onbegin, onresult, onerror }) {
  const name = make("span", { class: "sv-file" }), status = make("span", { class: "sv-note", role: "status" });
  const bar = make("progress", { class: "sv-progress", hidden: true, "aria-label": "annotated frames" });
  const begin = button("Annotate the whole video", run, { class: "sv-primary" });
  const cancel = button("Cancel", () => running?.abort(), { hidden: true });
  const save = button("↓ Annotated video", () => { if (result) download(result, `${stem()}_overlay.mp4`); }, { hidden: true, class: "sv-primary" });
  const element = make("div", { class: "sv-bar sv-whole", hidden: true }, name, begin, bar, cancel, save, status);
  /** @type {File | null} */
  let file = null;
  /** @type {Blob | null} */
  let result = null;
  /** @type {AbortController | null} */
  let running = null;
  let shown = "";

  const stem = () => (file?.name ?? "").replace(/\.[^.]*$/, "") || "video";

  async function run() {
    if (!file || running) return;
    onerror("");
    if (file.size > LARGEST) {
      onerror(`The video has ${(file.size / 2 ** 20).toFixed(0)} MB, more than the limit of ${LARGEST / 2 ** 20} MB: make it smaller, or cut it.`);
      return;
    }
    onbegin();
    forget();
    const asked = (running = new AbortController()), { model, opacity, smooth } = look();
    const query = new URLSearchParams({ name: file.name, model, opacity: String(opacity), smooth: String(smooth) });
    [begin.hidden, bar.hidden, cancel.hidden] = [true, false, false];
    bar.removeAttribute("value");
    status.textContent = "sending …";
    let began = 0, frames = 0, missing = 0;
    try {
      const answer = await fetch(`${address}${PATH}?${query}`, { method: "POST", body: file, signal: asked.signal });
      if (!answer.ok || !answer.body) throw new Error(await answer.text() || "The server did not take the video; please try again.");
      result = await readAnswer(answer.body, (line) => {
        if (line.error) throw new Error(line.error);
        if ("bytes" in line) {
          ({ frames, missing } = line);
          return;
        }
        began ||= performance.now();
        if (line.of) [bar.max, bar.value] = [line.of, line.done];
        status.textContent = progressText(line, performance.now() - began);
      });
      if (!result) throw new Error("The server stopped before the video was done; please try again.");
      status.textContent = `${frames} frames, with times and sound of the original${missing ? `; ${missing} could not be read` : ""}`;
      present(result);
    } catch (error) {
      status.textContent = asked.signal.aborted ? "canceled" : "";
      if (!asked.signal.aborted) onerror(sentenceOf(/** @type {Error} */ (error)));
    } finally {
      running = null;
      [begin.hidden, bar.hidden, cancel.hidden] = [Boolean(result), true, true];
    }
  }

  /** @param {Blob} blob */
  function present(blob) {
    shown = URL.createObjectURL(blob);
    save.hidden = false;
    onresult(make("video", { class: "sv-result", src: shown, controls: true, playsinline: true, "aria-label": "annotated video" }));
  }

  function forget() {
    if (shown) URL.revokeObjectURL(shown);
    [shown, result] = ["", null];
    [save.hidden, begin.hidden] = [true, false];
    onresult(null);
  }

  return {
    element,
    /** A file was chosen, or (null) something else is shown now. @param {File | null} chosen */
    offer(chosen) {
      running?.abort();
      forget();
      file = chosen;
      status.textContent = "";
      element.hidden = !chosen;
      name.textContent = chosen ? chosen.name : "";
    },
    /** Another look makes another video of the same file. */
    renew() { if (!running) begin.hidden = false; },
  };
}

/** Browsers have words of their own for a connection that is gone. @param {Error} error */
const sentenceOf = (error) => (error instanceof TypeError ? "The connection to the server was lost; please try again." : error.message);
