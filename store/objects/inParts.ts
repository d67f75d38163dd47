/** Cuts a stream into parts of `partBytes`; only the last one may be smaller. */
export async function* inParts(
  body: AsyncIterable<Uint8Array>,
  partBytes: number,
): AsyncGenerator<Uint8Array, undefined> {
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  for await (const chunk of body) {
    let from = 0;
    while (gatheredBytes + chunk.byteLength - from >= partBytes) {
      const to = from + partBytes - gatheredBytes;
      yield Buffer.concat([...gathered, chunk.subarray(from, to)]);
      gathered = [];
      gatheredBytes = 0;
      from = to;
    }
    gathered.push(chunk.subarray(from));
    gatheredBytes += chunk.byteLength - from;
  }
  if (gatheredBytes > 0) yield Buffer.concat(gathered);
  return undefined;
}

/** The stream after its first bytes. */
export async function* withoutFirst(chunks: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of chunks) {
    if (chunk.byteLength > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.byteLength);
  }
}
