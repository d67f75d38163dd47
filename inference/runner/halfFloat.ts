/** The bits of half-precision numbers as ONNX Runtime gives them: bits on Node 20, numbers where Float16Array exists. */
export function halfBits(half: ArrayBufferView): Uint16Array {
  if (half instanceof Uint16Array) return half;
  return new Uint16Array(half.buffer, half.byteOffset, half.byteLength / Uint16Array.BYTES_PER_ELEMENT);
}

let floatOfHalf: Float32Array | undefined;

/** By a table and a loop, since logits come this way: a vocabulary's length for each token of each row. */
export function halfToFloat(half: unknown): Float32Array {
  if (!ArrayBuffer.isView(half)) throw new Error('The network gave no numbers.');
  const table = (floatOfHalf ??= Float32Array.from({ length: 65_536 }, (_, bits) => floatOfBits(bits)));
  const bits = halfBits(half);
  const floats = new Float32Array(bits.length);
  for (let at = 0; at < bits.length; at += 1) floats[at] = table[bits[at] ?? 0] ?? 0;
  return floats;
}

function floatOfBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
