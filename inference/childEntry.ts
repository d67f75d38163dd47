import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface ChildEntry {
  readonly modulePath: string;
  readonly execArgv: readonly string[];
}

/**
 * Where to fork the sibling module `name` (no extension) of the module with the url `importerUrl`: the compiled `.js`
 * in dist/, or the `.ts` source under a loader when the importer itself runs from source.
 */
export function childEntry(importerUrl: string, name: string): ChildEntry {
  const fromSource = importerUrl.endsWith('.ts');
  const modulePath = fileURLToPath(new URL(`./${name}.${fromSource ? 'ts' : 'js'}`, importerUrl));
  if (!fromSource) return { modulePath, execArgv: [] };
  // An absolute url, since Node resolves the argument of --import against the child's working directory.
  const loader = pathToFileURL(createRequire(importerUrl).resolve('tsx')).href;
  return { modulePath, execArgv: ['--import', loader] };
}
