import { Runner } from '../../../inference/runner/runner.ts';
import type { LoadedModel } from '../../../inference/runner/protocol.ts';

/** A process that owns a runner, for tests that kill it: argument 1 is the LoadedModel, argument 2 `idle` or `paused`. */
const model: LoadedModel = JSON.parse(process.argv[2] ?? '');
const runner = new Runner();
await runner.load(model);
if (process.argv[3] === 'paused') runner.pause();
process.stdout.write(`${runner.pid}\n`);
setInterval(() => {}, 1_000);
