/** The camera: labels of what it sees, frame by frame, until it is switched off. */

/** @import {Engine} from "./engines.js" */

import { engineSentence } from "./engines.js";
import { pixelsOf } from "./pictures.js";

const LONG_SIDE = 320; // pixels of a frame that the model sees

/**
 * @param {Engine} engine
 * @param {{video: HTMLVideoElement, canvas: HTMLCanvasElement, box: HTMLElement, button: HTMLElement}} elements
 * @param {(text: string, bad?: boolean) => void} say
 */
export function makeCamera(engine, { video, canvas, box, button }, say) {
  /** @type {MediaStream | null} */
  let stream = null;

  /** @param {MediaStream} started */
  async function show(started) {
    const scale = LONG_SIDE / Math.max(video.videoWidth, video.videoHeight), { palette } = engine.metadata;
    const [width, height] = [video.videoWidth, video.videoHeight].map((side) => Math.max(1, Math.round(side * scale)));
    [canvas.width, canvas.height] = [width, height];
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), shown = context.createImageData(width, height);
    shown.data.fill(255);
    let frames = 0, since = performance.now();
    while (stream === started) {
      const labels = await engine.labels(pixelsOf(video, width, height));
      if (stream !== started) return; // switched off meanwhile, and on again perhaps
      labels.forEach((label, at) => shown.data.set(palette[label], 4 * at));
      context.putImageData(shown, 0, 0);
      frames += 1;
      const seconds = (performance.now() - since) / 1000;
      if (seconds < 1) continue;
      box.dataset.rate = (frames / seconds).toFixed(1);
      say(`${box.dataset.rate} frames a second, ${width} x ${height} pixels, ${engineSentence(engine)}`);
      [frames, since] = [0, performance.now()];
    }
  }

  /** Switch it on or off. */
  async function toggle() {
    if (stream) {
      for (const track of stream.getTracks()) track.stop();
      stream = null;
      say(`The camera is off; ${engineSentence(engine)}`);
    } else {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } } });
      } catch (error) {
        return say(`The camera cannot be used (${/** @type {Error} */ (error).message}); allow it, or open a picture.`, true);
      }
      video.srcObject = stream;
      await video.play();
      show(stream).catch((error) => say(error.message, true));
    }
    button.setAttribute("aria-pressed", String(Boolean(stream)));
    box.hidden = !stream;
  }

  return {
    toggle,
    /** What it sees now. */
    frame: () => pixelsOf(video, video.videoWidth, video.videoHeight),
  };
}
