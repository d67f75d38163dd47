import { parse } from 'yaml';

import { NightshiftError } from '../../domain/errors.ts';
import { messageOf } from '../../domain/thrown.ts';
import { readTextFile } from './readTextFile.ts';

/** Reads an object from YAML, of which JSON is a part. @throws NightshiftError not_found or invalid_request, naming the file */
export async function readYamlObject(file: string): Promise<Record<string, unknown>> {
  const text = await readTextFile(file);
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new NightshiftError('invalid_request', `${file} is not YAML: ${messageOf(cause)}`, { field: file, cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new NightshiftError('invalid_request', `${file} must hold one object.`, { field: file });
}
