/**
 * Reads what is left of a refused body and throws it away, up to `maxBytes`. A client that is still sending when the
 * answer comes and the connection closes sees a broken connection, not the answer, and sends it all again.
 */
export async function discard(
  body: { [Symbol.asyncIterator](): AsyncIterator<Uint8Array> } | null,
  maxBytes: number,
): Promise<void> {
  const source = body?.[Symbol.asyncIterator]();
  try {
    for (let bytes = 0; bytes <= maxBytes;) {
      const next = await source?.next();
      if (!next || next.done) return;
      bytes += next.value.byteLength;
    }
  } catch {
    // The client has gone; nobody waits for the answer.
  }
}
