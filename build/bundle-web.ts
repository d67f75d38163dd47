import { fileURLToPath } from 'node:url';
import { bundleWeb } from './webBundle.ts';

// This file runs from dist/build.
const target = new URL('../web/', import.meta.url);
const source = new URL('../../web/', import.meta.url);
await bundleWeb(fileURLToPath(source), fileURLToPath(target));
