/** Lists of 32-bit floats as bytes, little-endian, as base64: what the weights of a model travel as. */

export function floatsFromBase64(text: string): Float32Array {
  return floatsFromBytes(Buffer.from(text, 'base64'));
}

export function base64FromFloats(floats: Float32Array): string {
  return bytesFromFloats(floats).toString('base64');
}

export function bytesFromFloats(floats: Float32Array): Buffer {
  return Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength);
}

export function floatsFromBytes(bytes: Uint8Array): Float32Array {
  // A view of a pool need not begin where a float may; `slice` of a Buffer is another view.
  const own = new Uint8Array(bytes.subarray(0, bytes.byteLength - (bytes.byteLength % Float32Array.BYTES_PER_ELEMENT)));
  return new Float32Array(own.buffer);
}
