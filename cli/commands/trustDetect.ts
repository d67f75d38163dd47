import { join, resolve } from 'node:path';
import { stat } from 'node:fs/promises';

import type { Command } from 'commander';

import type { Pipeline } from '../../domain/models.ts';
import type { ExitCode } from '../exitCodes.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { wholeNumber } from '../numberOption.ts';
import type { Terminal } from '../terminal.ts';

interface DetectOptions {
  readonly variant?: string;
  readonly cheaper?: string;
  readonly lines: number;
  readonly tokens: number;
  readonly json?: true;
}

const CHECKS_PER_1000 = [10, 20, 50, 100, 200];
const FALSE_SHARES = [1, 0.3, 0.1, 0.02];

/** Adds `trust detect`. */
export function addDetect(trust: Command, terminal: Terminal, done: (code: ExitCode) => void): void {
  trust
    .command('detect')
    .description(
      'measure on a model of yours that writes or embeds texts how many checks find which false answers, and how many blame honest ones',
    )
    .argument('<folder>', 'of the model, as for "model add"')
    .option('--variant <name>', 'which of its networks, e.g. q4')
    .option('--cheaper <name>', 'the network that a liar has instead; left out: the same one, rounded to fewer bits')
    .option('--lines <count>', 'requests that are answered in each way', wholeNumber(4, 10_000), 60)
    .option('--tokens <count>', 'of an answer, at most', wholeNumber(4, 4_096), 48)
    .option('--json', 'print JSON')
    .action(async (folder: string, options: DetectOptions) => {
      const { detectionAt } = await import('../../simulator/detectionCurve.ts');
      const model = await openModel(folder, options.variant);
      const measure = await measurerOf(model.pipeline.kind);
      if (!measure) {
        terminal.err(`${folder} neither writes nor embeds texts; only such models are measured.\n`);
        done(EXIT_CODES.invalidInput);
        return;
      }
      const cheaper = options.cheaper === undefined ? undefined : await openModel(folder, options.cheaper);
      const measured = await measure(model, {
        lines: options.lines,
        tokens: options.tokens,
        cheaperPath: cheaper?.modelPath,
        onProgress: (doing) => terminal.err(`${doing}\n`),
      });
      const { honest: alike, 'honest, other hardware': elsewhere, ...liars } = measured.held;
      const honest = [...(alike ?? []), ...(elsewhere ?? [])];
      const curves = [];
      for (const [kind, lies] of [['honest', honest] as const, ...Object.entries(liars)]) {
        const points = [];
        for (const falseShare of kind === 'honest' ? [0] : FALSE_SHARES) {
          for (const checksPer1000 of CHECKS_PER_1000) {
            points.push(await detectionAt({ lies, honest }, { checksPer1000, falseShare }));
          }
        }
        curves.push({ kind, points });
      }
      const detection = { ...measured, curves };
      const { detectionText } = await import('../detectionText.ts');
      terminal.out(options.json ? `${JSON.stringify(detection, null, 2)}\n` : detectionText(detection, terminal));
      const blamed = curves.some(({ kind, points }) => kind === 'honest' && points.some(({ caught }) => caught > 0));
      done(blamed ? EXIT_CODES.failed : EXIT_CODES.ok);
    });
}

async function measurerOf(kind: Pipeline['kind']) {
  if (kind === 'text-generation') return (await import('../../inference/detection/measureLiars.ts')).measureLiars;
  if (kind !== 'text-embedding') return undefined;
  return (await import('../../inference/detection/measureEmbeddings.ts')).measureEmbeddings;
}

async function openModel(folder: string, variant: string | undefined) {
  const { openFolder } = await import('../../inference/admission/admitFolder.ts');
  const { sha256OfFile } = await import('../../store/objects/sha256OfFile.ts');
  const { folderDeclarationSchema } = await import('../../domain/modelUploads.ts');
  const { pathsBelow } = await import('../modelFolder.ts');
  const { selectModelFiles } = await import('../../domain/modelFolders.ts');
  const root = resolve(folder);
  const files = [];
  for (const path of selectModelFiles(await pathsBelow(root), variant).paths) {
    const full = join(root, path);
    files.push({ path, sha256: await sha256OfFile(full), sizeBytes: (await stat(full)).size });
  }
  const declaration = folderDeclarationSchema.parse({ name: 'measured', ...(variant !== undefined && { variant }) });
  return (await openFolder({ declaration, root, files })).loaded;
}
