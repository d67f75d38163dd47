import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunShardInput, RunShardResult } from '../../domain/shards.ts';
import { writeFileAtomically } from '../../inference/atomicFile.ts';

const KEPT_RESULTS = 256;

const resultSchema = z.object({
  vehicleId: z.string(),
  storedLines: z.number(),
  computedLines: z.number(),
  energyWh: z.number(),
  deviceMs: z.number(),
  handovers: z.number(),
  redoneLines: z.number(),
  redoneTokens: z.number().optional(),
});

/**
 * Results of finished shards, on the car's disk. The SDK drops a completion that it cannot deliver within about ten
 * seconds; the server then runs the shard again, and the car answers from here.
 */
export class ResultCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The result that this car returned for this shard with this very model, if it is still kept. */
  async read(input: RunShardInput): Promise<RunShardResult | undefined> {
    try {
      return resultSchema.parse(JSON.parse(await readFile(this.#path(input), 'utf8')));
    } catch {
      // Absent, or damaged by a failing disk: then the shard is looked up part by part.
      return undefined;
    }
  }

  /** To be awaited before the result is returned to the server. */
  async write(input: RunShardInput, result: RunShardResult): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFileAtomically(this.#path(input), JSON.stringify(result));
    await this.#prune();
  }

  #path(input: RunShardInput): string {
    const key = `${input.jobId}\n${input.shard}\n${input.model.sha256}`;
    return join(this.#folder, `${createHash('sha256').update(key).digest('hex')}.json`);
  }

  async #prune(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith('.json'));
    if (names.length <= KEPT_RESULTS) return;
    const files = await Promise.all(
      names.map(async (name) => ({ name, writtenAtMs: (await stat(join(this.#folder, name))).mtimeMs })),
    );
    files.sort((a, b) => b.writtenAtMs - a.writtenAtMs);
    await Promise.all(files.slice(KEPT_RESULTS).map((file) => rm(join(this.#folder, file.name), { force: true })));
  }
}
