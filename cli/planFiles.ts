import type { z } from 'zod';

import { NightshiftError } from '../domain/errors.ts';
import { issueText } from '../domain/issueText.ts';
import { planSchema, type Plan } from '../scheduler/plan.ts';
import { planningProblemSchema, type PlanningProblem } from '../scheduler/problem.ts';
import { readJsonObject } from './files/readJsonObject.ts';

const ISSUES_SHOWN = 5;

/**
 * Reads a planning problem from a JSON file of any size.
 * @throws NightshiftError not_found or invalid_request, naming the fields that are wrong
 */
export async function readProblemFile(file: string): Promise<PlanningProblem> {
  return accepted(file, 'problem', planningProblemSchema, await readJsonObject(file));
}

/** Reads a plan from a JSON file of any size. Only its form is checked here: what it says may still be wrong. */
export async function readPlanFile(file: string): Promise<Plan> {
  return accepted(file, 'plan', planSchema, await readJsonObject(file));
}

function accepted<Schema extends z.ZodType>(
  file: string,
  kind: string,
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const lines = issues.slice(0, ISSUES_SHOWN).map((issue) => `  ${fieldName(issue.path)}: ${issueText(issue)}`);
  if (issues.length > ISSUES_SHOWN) lines.push(`  and ${issues.length - ISSUES_SHOWN} more`);
  const message = `${file} is not a ${kind}:\n${lines.join('\n')}`;
  throw new NightshiftError('invalid_request', message, { field: fieldName(issues[0]?.path ?? []) });
}

/** `cars[12].needKwh` for the path that a schema reports. */
function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return '(the whole file)';
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
    .join('');
}
