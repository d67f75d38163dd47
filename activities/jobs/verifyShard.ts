import { batchAnswerLineSchema } from '../../domain/batchLines.ts';
import type { HardwareClassSpec } from '../../domain/hardwareClasses.ts';
import { parseJson } from '../../domain/json.ts';
import type { AnsweredLines } from '../../store/answeredLines.ts';
import type { Attribution } from './shardParts.ts';

/** Most kW at the plug per kW of chip that any weather and awake load explain; beyond it, a claim is not plausible. */
const PLAUSIBLE_OVERHEAD = 8;
const PLAUSIBLE_SLACK_WH = 5;

/**
 * The checks that every shard passes before it is accepted: an answer of the right form for each request and no
 * other, and claims of energy that the car's hardware can have used.
 * @returns what is wrong, or undefined
 */
export function faultOf(
  customIds: readonly string[],
  answered: AnsweredLines,
  attributions: readonly (Attribution & { readonly hardwareClass: HardwareClassSpec | undefined })[],
): string | undefined {
  for (const [line, customId] of customIds.entries()) {
    const answer = answered.get(line);
    if (answer === undefined) return `line ${line} has no answer`;
    const parsed = batchAnswerLineSchema.safeParse(parseJson(answer));
    if (!parsed.success) return `the answer to line ${line} is malformed: ${parsed.error.issues[0]?.message}`;
    const { custom_id, response } = parsed.data;
    if (response === null) return `the answer to line ${line} has no response`;
    if (custom_id !== customId) return `line ${line} answers ${custom_id}, not ${customId}`;
  }
  if (answered.size !== customIds.length) return `${answered.size} answers to ${customIds.length} requests`;
  const attributed = attributions.reduce((sum, { lines }) => sum + lines, 0);
  if (attributed !== customIds.length) return `receipts name ${attributed} of ${customIds.length} lines`;
  for (const { vehicleId, hardwareClass, energyWh, deviceMs } of attributions) {
    if (hardwareClass === undefined) return `car ${vehicleId} is not enrolled`;
    const mostWh = hardwareClass.chipKw * PLAUSIBLE_OVERHEAD * (deviceMs / 3600) + PLAUSIBLE_SLACK_WH;
    if (energyWh > mostWh) return `car ${vehicleId} claims ${energyWh.toFixed(1)} Wh, at most ${mostWh.toFixed(1)}`;
  }
  return undefined;
}
