import { writeFileSync } from 'node:fs';
import { renderParameterDocs } from './parameterDocs.ts';

writeFileSync(new URL('../docs/parameters.md', import.meta.url), renderParameterDocs());
