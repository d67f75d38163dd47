/** Lines above and below what is in view, so that a quick scroll meets no blank. */
const SPARE_ROWS = 6;

/** Which lines of a long list are in the page: [from, until). */
export function shownRange(list: {
  readonly count: number;
  readonly rowPx: number;
  readonly topPx: number;
  readonly heightPx: number;
}): { readonly from: number; readonly until: number } {
  const { count, rowPx, topPx, heightPx } = list;
  // A list that has become shorter than where it was scrolled to is shown from its end.
  const lastTop = Math.max(0, count * rowPx - heightPx);
  const top = Math.min(Math.max(0, topPx), lastTop);
  const from = Math.max(0, Math.floor(top / rowPx) - SPARE_ROWS);
  return { from, until: Math.min(count, Math.ceil((top + heightPx) / rowPx) + SPARE_ROWS) };
}
