/** Animated GIFs: a fixed palette with ordered dots, and the encoder. */

/** Time that the animation shows each block. */
export const FRAME_MILLISECONDS = 700;

// A GIF has 256 colors: 6 reds, 7 greens, 6 blues, closer together in the dark, where most of a timeline lies,
// with an ordered pattern of dots between them.
const GIF_GAMMA = 1.7;
/** 768 bytes, RGB. */
export const GIF_PALETTE = Uint8Array.from({ length: 768 }, (_, at) => {
  const index = Math.floor(at / 3), levels = [Math.floor(index / 42) / 5, (Math.floor(index / 6) % 7) / 6, (index % 6) / 5];
  return Math.round(255 * levels[at % 3] ** GIF_GAMMA);
});
const BAYER = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];

/** Index into the palette of every pixel. @param {Uint8ClampedArray} pixels RGBA @param {number} width */
export function toPalette(pixels, width) {
  return Uint8Array.from({ length: pixels.length / 4 }, (_, index) => {
    const dot = (BAYER[4 * (Math.floor(index / width) % 4) + ((index % width) % 4)] + 0.5) / 16;
    /** @param {number} channel @param {number} steps */
    const level = (channel, steps) => Math.min(steps, Math.floor((pixels[4 * index + channel] / 255) ** (1 / GIF_GAMMA) * steps + dot));
    return 42 * level(0, 5) + 6 * level(1, 6) + level(2, 5);
  });
}

/**
 * An endless animated GIF (GIF89a).
 * @param {number} width @param {number} height
 * @param {Uint8Array} palette 768 bytes RGB
 * @param {Uint8Array[]} frames one palette index a pixel
 * @param {number} delay hundredths of a second
 */
export function encodeGif(width, height, palette, frames, delay) {
  /** @type {number[]} */
  const bytes = [];
  /** @param {string} letters */
  const text = (letters) => bytes.push(...[...letters].map((letter) => letter.charCodeAt(0)));
  /** @param {number} value */
  const short = (value) => bytes.push(value & 255, (value >> 8) & 255);
  text("GIF89a");
  short(width);
  short(height);
  bytes.push(0xf7, 0, 0, ...palette);
  bytes.push(0x21, 0xff, 11);
  text("NETSCAPE2.0");
  bytes.push(3, 1, 0, 0, 0); // repeat for ever
  for (const frame of frames) {
    bytes.push(0x21, 0xf9, 4, 4);
    short(Math.round(delay));
    bytes.push(0, 0, 0x2c, 0, 0, 0, 0);
    short(width);
    short(height);
    bytes.push(0, 8);
    const packed = lzw(frame);
    for (let at = 0; at < packed.length; at += 255) {
      const part = packed.subarray(at, at + 255);
      bytes.push(part.length, ...part);
    }
    bytes.push(0);
  }
  bytes.push(0x3b);
  return Uint8Array.from(bytes);
}

/** GIF's variant of LZW for 8-bit indices: codes grow from 9 to 12 bits, then the table starts anew.
 * @param {Uint8Array} indices */
function lzw(indices) {
  const CLEAR = 256, END = 257;
  /** @type {number[]} */
  const out = [];
  let buffer = 0, filled = 0, width = 9, table = new Map(), next = 258;
  /** @param {number} code */
  const emit = (code) => {
    buffer |= code << filled;
    filled += width;
    while (filled >= 8) { out.push(buffer & 255); buffer >>>= 8; filled -= 8; }
  };
  emit(CLEAR);
  let prefix = indices[0];
  for (let at = 1; at < indices.length; at++) {
    const key = (prefix << 8) | indices[at];
    if (table.has(key)) { prefix = table.get(key); continue; }
    emit(prefix);
    if (next === 4096) {
      emit(CLEAR);
      [table, next, width] = [new Map(), 258, 9];
    } else {
      table.set(key, next);
      if (next === 1 << width) width += 1;
      next += 1;
    }
    prefix = indices[at];
  }
  emit(prefix);
  emit(END);
  if (filled) out.push(buffer & 255);
  return Uint8Array.from(out);
}
