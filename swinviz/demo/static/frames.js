/** Where live frames come from: a camera, or a video file of the visitor's. */
import { make, offscreen } from "./canvas.js";

/** @type {Record<string, string>} what a browser's errors mean to a person */
const MESSAGES = {
  NotFoundError: "No camera was found: plug one in, or choose a video file.",
  NotAllowedError: "The browser does not give this page the camera: allow it beside the address, or choose a video file.",
  NotReadableError: "Another program is using the camera: close it and try again, or choose a video file.",
};

/** A video element as a source of pictures; `onframe` is called for each that comes. @param {() => void} onframe */
export function makeFrames(onframe) {
  const video = make("video", { playsinline: true, hidden: true });
  video.muted = true;
  /** @type {MediaStream | null} */
  let camera = null;
  let running = false;

  function listen() {
    if (!running) return;
    onframe();
    video.requestVideoFrameCallback(listen);
  }

  async function begin() {
    running = true;
    try {
      await video.play();
    } catch {
      stop();
      throw new Error("This video cannot be played by the browser; try an MP4 or WebM file.");
    }
    video.requestVideoFrameCallback(listen);
  }

  function stop() {
    running = false;
    camera?.getTracks().forEach((track) => track.stop());
    camera = null;
    video.pause();
    if (video.src) URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
    video.srcObject = null;
  }

  return {
    video, stop,
    /** Raises an Error whose message can be shown. */
    async startCamera() {
      if (!navigator.mediaDevices) throw new Error("This browser gives its camera only to pages from this machine or over https.");
      try {
        camera = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } } });
      } catch (error) {
        const { name } = /** @type {Error} */ (error);
        throw new Error(MESSAGES[name] ?? "The camera could not be opened: try again, or choose a video file.");
      }
      video.srcObject = camera;
      await begin();
    },
    /** Raises an Error whose message can be shown. @param {File} file */
    async startFile(file) {
      video.src = URL.createObjectURL(file);
      video.loop = true;
      await begin();
    },
    /** The present picture, at most `width` pixels wide. @param {number} width */
    still(width) {
      const across = Math.min(width, video.videoWidth);
      const down = Math.max(1, Math.round((across * video.videoHeight) / video.videoWidth));
      const { canvas, context } = offscreen(across, down);
      context.drawImage(video, 0, 0, across, down);
      return canvas;
    },
  };
}
