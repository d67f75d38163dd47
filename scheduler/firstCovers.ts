/**
 * Lays spans over each other: at each instant the first of the list that covers it counts.
 * @param spans half-open, in falling precedence; they may overlap in any way
 * @returns pieces of them that do not overlap, ascending; a span comes back whole where nothing cuts it
 */
export function firstCovers<Span extends { readonly startMs: number; readonly endMs: number }>(
  spans: readonly Span[],
): Span[] {
  const edges = spans.flatMap((span, rank) => [
    { atMs: span.startMs, rank, begins: true },
    { atMs: span.endMs, rank, begins: false },
  ]);
  edges.sort((a, b) => a.atMs - b.atMs);
  const covering = new Set<number>();
  const pieces: { rank: number; startMs: number; endMs: number }[] = [];
  let fromMs = Number.NEGATIVE_INFINITY;
  for (const { atMs, rank, begins } of edges) {
    const first = covering.size === 0 || atMs <= fromMs ? undefined : Math.min(...covering);
    if (first !== undefined) {
      const last = pieces.at(-1);
      if (last?.rank === first && last.endMs === fromMs) last.endMs = atMs;
      else pieces.push({ rank: first, startMs: fromMs, endMs: atMs });
    }
    fromMs = atMs;
    if (begins) covering.add(rank);
    else covering.delete(rank);
  }
  return pieces.flatMap(({ rank, startMs, endMs }) => {
    const span = spans[rank];
    return span === undefined ? [] : [{ ...span, startMs, endMs }];
  });
}
