/** @throws Error that names the file when the text is none */
export function jsonOfFile(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${path} is not JSON`);
  }
}
