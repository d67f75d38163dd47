import { claimedTokens } from '../../domain/answerLine.ts';
import { batchAnswerLineSchema } from '../../domain/batchLines.ts';
import { parseJson } from '../../domain/json.ts';
import { objectKeys, receiptOfKey } from '../../domain/names.ts';
import { partReceiptSchema, type PartReceipt } from '../../domain/shards.ts';
import { linesOfPart, sha256Of } from '../../store/answeredLines.ts';
import { unlessNotFound, type ObjectStore } from '../../store/objectStore.ts';

/** What the store holds of a shard, judged. */
export interface JudgedShard {
  /** Receipts that claim parts of the right form, by cars that are enrolled. */
  readonly good: readonly PartReceipt[];
  /** The answers of good parts, in the order of the receipts: `lines[i]` are those of `good[i]`. */
  readonly lines: readonly (readonly string[])[];
  /** What counts as absent, and why. */
  readonly bad: readonly { readonly key: string; readonly partKey?: string; readonly why: string }[];
}

/**
 * Judges each receipt of a shard and the part that it claims: the car that its key names, the very bytes that are
 * stored, and in them an answer of the right form to each request of its range. One that fails spoils no other.
 * @param generates whether answers are texts, which cannot be checked without their tokens
 */
export async function judgeShard(
  objects: ObjectStore,
  jobId: string,
  shard: number,
  customIds: readonly string[],
  refusalOf: (vehicleId: string) => Promise<string | undefined>,
  generates = false,
): Promise<JudgedShard> {
  const good: PartReceipt[] = [];
  const lines: (readonly string[])[] = [];
  const bad: { key: string; partKey?: string; why: string }[] = [];
  for (const key of await objects.list(objectKeys.receiptPrefix(jobId, shard))) {
    const text = (await unlessNotFound(objects.get(key)))?.toString('utf8') ?? '';
    const receipt = partReceiptSchema.safeParse(parseJson(text)).data;
    const named = receiptOfKey(key);
    const isOwn =
      receipt?.vehicleId === named?.vehicleId &&
      receipt?.range.start === named?.range.start &&
      receipt?.range.end === named?.range.end;
    if (!receipt || !named || !isOwn) {
      bad.push({ key, why: receipt ? 'it is in the name of another car or part' : 'it cannot be read' });
      continue;
    }
    const { range, vehicleId } = receipt;
    const partKey = objectKeys.part(jobId, shard, range, vehicleId);
    const refusal = await refusalOf(vehicleId);
    if (refusal !== undefined) {
      bad.push({ key, partKey, why: `${vehicleId} is ${refusal}` });
      continue;
    }
    const bytes = await unlessNotFound(objects.get(partKey));
    if (bytes === undefined || sha256Of(bytes) !== receipt.partSha256) {
      bad.push({ key, partKey, why: 'it claims other bytes than are stored' });
      continue;
    }
    const answers = linesOfPart(bytes, range);
    const asked = { customIds: customIds.slice(range.start, range.end), start: range.start, generates };
    const why = answers ? faultOf(answers, asked) : 'it is cut off';
    if (answers && why === undefined) {
      good.push(receipt);
      lines.push(answers);
    } else bad.push({ key, partKey, why: `its part: ${why}` });
  }
  return { good, lines, bad };
}

/** @returns what is wrong with the answers to these requests, or undefined */
function faultOf(
  answers: readonly string[],
  {
    customIds,
    start,
    generates,
  }: { readonly customIds: readonly string[]; readonly start: number; readonly generates: boolean },
): string | undefined {
  if (answers.length !== customIds.length) return 'it answers lines that the shard does not have';
  for (const [index, customId] of customIds.entries()) {
    const line = start + index;
    const parsed = batchAnswerLineSchema.safeParse(parseJson(answers[index] ?? ''));
    if (!parsed.success) return `the answer to line ${line} is malformed: ${parsed.error.issues[0]?.message}`;
    const { custom_id, response } = parsed.data;
    if (response === null) return `the answer to line ${line} has no response`;
    if (custom_id !== customId) return `line ${line} answers ${custom_id}, not ${customId}`;
    if (generates && response.status_code < 400 && !claimedTokens(answers[index] ?? '')) {
      return `the answer to line ${line} does not say of which tokens it is made: the car's agent is of a version before`;
    }
  }
  return undefined;
}
