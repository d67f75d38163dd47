/** The parsed text, or undefined when it is not JSON: for schemas that say themselves what is wrong. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
