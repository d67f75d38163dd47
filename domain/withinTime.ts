/**
 * @param late what the error says that is thrown when `work` has not ended by then; the work goes on unheard
 */
export async function withinTime<Value>(
  limitMs: number,
  work: Promise<Value> | Value,
  late = `no answer within ${limitMs} ms`,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(late)), limitMs);
  });
  try {
    // The race handles both, so the one that loses is nobody's unhandled failure.
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
