import pico from 'picocolors';

/** Where a command prints. Results go to `out`, so that they can be piped; everything else to `err`. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly colors: ReturnType<typeof pico.createColors>;
}

export function processTerminal(): Terminal {
  const wantsColor = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    colors: pico.createColors(wantsColor),
  };
}
