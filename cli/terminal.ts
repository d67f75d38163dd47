import pico from 'picocolors';

/** Where a command prints. Results go to `out`, so that they can be piped; everything else to `err`. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Width of a terminal that can be drawn on again; undefined for a pipe or a file. */
  readonly liveColumns?: number;
  readonly colors: ReturnType<typeof pico.createColors>;
}

export function processTerminal(): Terminal {
  const wantsColor = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    ...(process.stdout.isTTY && { liveColumns: process.stdout.columns }),
    colors: pico.createColors(wantsColor),
  };
}
