/**
 * Why nothing of the model can be planned on cars, for people; undefined when there is room.
 * @param largestMb of the cars that could take it, MiB; null or undefined: not known
 */
export function tooLargeFor(
  largestMb: number | null | undefined,
  { name, memoryMb }: { readonly name: string; readonly memoryMb: number | null },
): string | undefined {
  if (largestMb == null || memoryMb === null || memoryMb <= largestMb) return undefined;
  return (
    `The model ${JSON.stringify(name)} needs ${memoryMb} MiB of a car's memory; the cars here have at most ${largestMb}. ` +
    'Add a smaller variant of it, such as q4, or a smaller model.'
  );
}
