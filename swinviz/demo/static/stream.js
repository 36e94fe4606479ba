/**
 * The round trip of live frames: they go to the server through a WebSocket, labels come back.
 *
 * At most two frames are on their way, so that the model never waits for the network and never works on the past:
 * when an answer comes, the newest picture goes out. The frame's size adapts until answers come quickly enough.
 *
 * @import {Rgb} from "./canvas.js"
 * @typedef {{model: string, device: string, classes: string[], palette: Rgb[], depths: number[], heads: number[]}} Config
 * @typedef {{x: number, y: number, stage: number, block: number, head: number | null}} Gaze
 * @typedef {{
 *   frame: number, seconds: number, unsureBelow: number, parts: number[],
 *   stride?: number, windows?: number[][], peak?: number,
 * }} Header
 * @typedef {{header: Header, picture: OffscreenCanvas, parts: Blob[], sentAt: number}} Answer
 */

export const WIDTHS = [160, 240, 320, 480, 640];
const ON_THEIR_WAY = 2;
const SLOW = 220, FAST = 90; // milliseconds from camera to screen between which the size stays
const SHOWN = 800; // pixels across on the screen, whatever size is sent
const SETTLE = 12; // answers after a change of size before it is judged
const RETRIES = 5, FULL = 1013; // close code of a server that has no place left

/**
 * @param {{
 *   still: (width: number) => OffscreenCanvas, settings: () => {model: string, gaze: Gaze | null},
 *   onconfig: (config: Config) => void, onanswer: (answer: Answer) => Promise<void>,
 *   onerror: (sentence: string) => void, onend: () => void,
 * }} host the pictures, what the server is told, and who hears of what it says
 */
export function makeStream(host) {
  /** @type {WebSocket | null} */
  let socket = null;
  /** @type {Map<number, {picture: OffscreenCanvas, at: number}>} */
  const sent = new Map();
  let address = "", next = 0, waiting = false, retries = 0, judged = 0;
  let width = 320, ceiling = WIDTHS.length - 1, automatic = true;

  const isOpen = () => socket?.readyState === WebSocket.OPEN;

  function connect() {
    const opened = new WebSocket(address);
    opened.binaryType = "arraybuffer";
    socket = opened;
    sent.clear();
    opened.onopen = () => { retries = 0; configure(); pump(); };
    opened.onmessage = ({ data }) => (typeof data === "string" ? onText(JSON.parse(data)) : onAnswer(data));
    opened.onclose = ({ code }) => {
      if (socket !== opened) return;
      if (code === FULL || retries === RETRIES) { // full, or gone for good
        if (code !== FULL) host.onerror("The connection to the server was lost.");
        host.onend();
        return;
      }
      host.onerror("The connection was lost; trying again …");
      setTimeout(() => { if (socket === opened) connect(); }, 500 * 2 ** retries++);
    };
  }

  function configure() {
    if (isOpen()) socket?.send(JSON.stringify(host.settings()));
  }

  /** @param {any} text */
  function onText(text) {
    host.onerror(text.error ?? "");
    if (!text.error) {
      host.onconfig(text);
      return;
    }
    sent.clear();
    pump();
  }

  async function pump() {
    if (!waiting || sent.size >= ON_THEIR_WAY || !isOpen()) return;
    waiting = false;
    const number = next++, to = socket;
    const picture = host.still(SHOWN), small = host.still(width);
    sent.set(number, { picture, at: performance.now() });
    const blob = await small.convertToBlob({ type: "image/jpeg", quality: 0.85 });
    const bytes = new Uint8Array(4 + blob.size);
    new DataView(bytes.buffer).setUint32(0, number, true);
    bytes.set(new Uint8Array(await blob.arrayBuffer()), 4);
    if (to === socket && isOpen()) to?.send(bytes);
  }

  /** @param {ArrayBuffer} buffer */
  async function onAnswer(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    /** @type {Header} */
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const asked = sent.get(header.frame);
    // Whatever was sent before this frame was replaced by it and will never be answered.
    for (const number of sent.keys()) if (number <= header.frame) sent.delete(number);
    pump();
    if (!asked) return;
    let at = 4 + length;
    const parts = header.parts.map((size) => new Blob([new Uint8Array(buffer, (at += size) - size, size)], { type: "image/png" }));
    await host.onanswer({ header, picture: asked.picture, parts, sentAt: asked.at });
  }

  return {
    configure,
    /** @param {string} url of the WebSocket */
    start(url) {
      [address, retries] = [url, 0];
      connect();
    },
    stop() {
      const closing = socket;
      socket = null;
      closing?.close();
    },
    /** There is a newer picture. */
    offer() {
      waiting = true;
      pump();
    },
    /** True where a newer answer than this frame's is still to come. */
    expectsMore: () => sent.size > 0,
    /** @param {number | null} pixels width of what is sent; null lets it adapt */
    setWidth(pixels) {
      automatic = pixels === null;
      if (pixels !== null) width = pixels;
      judged = 0;
    },
    /** Another model may manage a size that this one could not. */
    forget() {
      [ceiling, judged] = [WIDTHS.length - 1, 0];
    },
    /** Adapt the size to how long answers take. @param {number} latency milliseconds */
    judge(latency) {
      if (!automatic || ++judged < SETTLE) return;
      const place = WIDTHS.indexOf(width);
      if (latency > SLOW && place > 0) ceiling = place - 1; // this size was tried and is too much
      const wanted = latency > SLOW && place > 0 ? place - 1 : latency < FAST && place < ceiling ? place + 1 : place;
      if (wanted !== place) [width, judged] = [WIDTHS[wanted], 0];
    },
  };
}
