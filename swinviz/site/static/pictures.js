/** Files and video frames to pixels; what cannot be read is refused in the sentences that Python has for it. */

/**
 * @import {Picture} from "./engine/prepare.js"
 * @typedef {{sentences: Record<string, string>, most_pixels: number, longest: number}} Limits
 */

const SIGNATURES = [ // first bytes of the formats that Python reads, and of those that only browsers do not get wrong
  [0x89, 0x50, 0x4e, 0x47], [0xff, 0xd8, 0xff], [0x47, 0x49, 0x46, 0x38], [0x42, 0x4d], [0x49, 0x49, 0x2a, 0x00], [0x4d, 0x4d, 0x00, 0x2a],
];

/** Pixels of what can be drawn. @param {CanvasImageSource} source @param {number} width @param {number} height @returns {Picture} */
export function pixelsOf(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.fillStyle = "white"; // what is transparent lies on white, as in Python
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return { data: context.getImageData(0, 0, width, height).data, height, width };
}

/** Width and height of a picture file, without decoding it whole. @param {Blob} blob @returns {Promise<[number, number]>} */
async function sizeOf(blob) {
  const url = URL.createObjectURL(blob), image = new Image();
  try {
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = reject;
      image.src = url;
    });
    return [image.naturalWidth, image.naturalHeight]; // turned as its EXIF data say
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Whether a file says that it is a picture. @param {Blob} blob */
async function looksLikePicture(blob) {
  const start = new Uint8Array(await blob.slice(0, 12).arrayBuffer());
  const webp = String.fromCharCode(...start).match(/^RIFF....WEBP/s);
  return Boolean(webp) || SIGNATURES.some((bytes) => bytes.every((byte, at) => start[at] === byte));
}

/**
 * @param {Blob} blob @param {string} name @param {Limits} limits @returns {Promise<Picture>}
 * @throws {Error} one sentence: what is wrong with it, and what to do
 */
export async function readPicture(blob, name, { sentences, most_pixels, longest }) {
  /** @param {string} which @param {Record<string, string | number>} about @returns {Error} */
  const refusal = (which, about = {}) => new Error(Object.entries({ name: `'${name}'`, ...about })
    .reduce((sentence, [key, value]) => sentence.replaceAll(`{${key}}`, String(value)), sentences[which]));
  if (!blob.size) throw refusal("empty");
  const unreadable = async () => (await looksLikePicture(blob)
    ? refusal("damaged", { reason: "this browser cannot decode it" }) : refusal("unknown"));
  const [width, height] = await sizeOf(blob).catch(async () => { throw await unreadable(); });
  if (Math.max(width, height) > longest) throw refusal("long", { width, height, limit: longest });
  if (width * height > most_pixels) throw refusal("large", { width, height, limit: most_pixels / 1e6 });
  const bitmap = await createImageBitmap(blob).catch(async () => { throw await unreadable(); });
  return pixelsOf(bitmap, bitmap.width, bitmap.height);
}
