export const BENCH_REGION = 'bench';
export const BENCH_FAMILY = 'noop';

export function keyOf(car: number): string {
  return `key of bench car ${car}`;
}
