import { parseArgs } from 'node:util';

import { fuzz } from './fuzz.ts';

/** npm run fuzz -- [--inputs 100000] [--seed 1] */
const { values } = parseArgs({
  options: { inputs: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
console.log(await fuzz({ inputs: Number(values.inputs), seed: Number(values.seed) }));
