/** Reader of the messages that explorer/wire_format.py writes: safetensors, with a header in the metadata. */

/**
 * @typedef {Uint8Array | Uint16Array | Int32Array | Float32Array} Numbers
 * @typedef {{data: Numbers, shape: number[], step: number}} StoredArray `step` is the value of 1
 * @typedef {{header: any, arrays: Record<string, StoredArray>}} Message header: JSON values
 */

/** @type {Record<string, new (buffer: ArrayBufferLike, offset: number, count: number) => Numbers>} */
const ARRAY_TYPES = { U8: Uint8Array, U16: Uint16Array, I32: Int32Array, F32: Float32Array };

/**
 * Read a message; its arrays are views into the bytes.
 * @param {Uint8Array} bytes @returns {Message}
 */
export function unpack(bytes) {
  // Typed arrays need aligned memory; a host may hand over a view into the middle of something.
  const aligned = bytes.byteOffset % 8 ? bytes.slice() : bytes;
  const { buffer, byteOffset } = aligned;
  const length = aligned.length < 8 ? 0 : Number(new DataView(buffer, byteOffset).getBigUint64(0, true));
  const text = new TextDecoder().decode(aligned.subarray(8, 8 + length));
  if (!text.startsWith("{")) throw new Error("this is no message of the viewer");
  const { __metadata__: metadata, ...entries } = JSON.parse(text);
  const { steps, ...header } = JSON.parse(metadata.header);
  /** @type {Record<string, StoredArray>} */
  const arrays = {};
  for (const [name, { dtype, shape, data_offsets: [from] }] of Object.entries(entries)) {
    const count = shape.reduce((/** @type {number} */ product, /** @type {number} */ side) => product * side, 1);
    arrays[name] = { data: new ARRAY_TYPES[dtype](buffer, byteOffset + 8 + length + from, count), shape, step: steps[name] ?? 1 };
  }
  return { header, arrays };
}
