import { parseArgs } from 'node:util';

import { fuzz } from './fuzz.ts';
import { fuzzGeneration } from './generation.ts';
import { fuzzTelemetry } from './telemetry.ts';

/** npm run fuzz -- [--inputs 100000] [--telemetry 100000] [--generation 100000] [--seed 1] */
const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    generation: { type: 'string', default: '100000' },
    telemetry: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed);
console.log(fuzzTelemetry({ messages: Number(values.telemetry), seed }));
console.log(await fuzz({ inputs: Number(values.inputs), seed }));
console.log(await fuzzGeneration({ requests: Number(values.generation), seed }));
