/** Half-precision numbers as ONNX Runtime gives them: bits on Node 20, numbers where Float16Array exists. */
export function halfToFloat(half: unknown): Float32Array {
  if (half instanceof Uint16Array) return Float32Array.from(half, floatOfBits);
  if (ArrayBuffer.isView(half)) {
    return halfToFloat(new Uint16Array(half.buffer, half.byteOffset, half.byteLength / 2));
  }
  throw new Error('The network gave no numbers.');
}

function floatOfBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
