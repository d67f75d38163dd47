/** States of a batch, as the OpenAI Batch API names them. */
export const BATCH_STATUSES = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** States that a batch never leaves. */
export const FINAL_BATCH_STATUSES = ['failed', 'completed', 'expired', 'cancelled'] as const satisfies BatchStatus[];

export function isFinalBatchStatus(status: string): boolean {
  return (FINAL_BATCH_STATUSES as readonly string[]).includes(status);
}

/** Why a batch's input was refused, as the Batch API reports it. `line` counts from 1. */
export interface BatchInputError {
  readonly code: BatchInputErrorCode;
  readonly line: number | null;
  readonly message: string;
  readonly param: string | null;
}

export const BATCH_INPUT_ERROR_CODES = [
  'invalid_json_line',
  'duplicate_custom_id',
  'url_mismatch',
  'model_mismatch',
  'model_not_served',
  'model_too_large',
  'empty_file',
  'too_many_tasks',
  'missing_input_file',
] as const;
export type BatchInputErrorCode = (typeof BATCH_INPUT_ERROR_CODES)[number];
