import { z } from 'zod';
import type { BatchInputError } from './batches.ts';
import { batchRequestLineSchema } from './batchLines.ts';

/** Lines that one batch may have. */
export const BATCH_LINE_LIMIT = 50_000;

/** Checks the lines of one batch's input, in order. Holds the custom ids that it has seen. */
export class BatchInputCheck {
  private readonly endpoint: string;
  private readonly customIds = new Set<string>();
  private lineNumber = 0;

  constructor(endpoint: string) {
    this.endpoint = endpoint;
  }

  /** Takes the next line. @returns what is wrong with it, or undefined */
  next(text: string): BatchInputError | undefined {
    const line = ++this.lineNumber;
    if (line > BATCH_LINE_LIMIT) {
      return fault('too_many_tasks', line, `The batch has more than ${BATCH_LINE_LIMIT} lines.`);
    }
    const parsed = z.safeParse(batchRequestLineSchema, parseJson(text));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const param = issue?.path.join('.') || null;
      return fault('invalid_json_line', line, `${param ?? 'The line'}: ${issue?.message ?? 'is not valid'}`, param);
    }
    const { custom_id: customId, url } = parsed.data;
    if (url !== this.endpoint) {
      return fault('url_mismatch', line, `url is ${url}, the batch's endpoint is ${this.endpoint}.`, 'url');
    }
    if (this.customIds.has(customId)) {
      return fault('duplicate_custom_id', line, `custom_id ${JSON.stringify(customId)} occurs twice.`, 'custom_id');
    }
    this.customIds.add(customId);
    return undefined;
  }

  /** Call after the last line. @returns the error of a file without lines, or undefined */
  end(): BatchInputError | undefined {
    return this.lineNumber === 0 ? fault('empty_file', null, 'The file has no lines.') : undefined;
  }
}

function fault(code: BatchInputError['code'], line: number | null, message: string, param: string | null = null): BatchInputError {
  return { code, line, message, param };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
