import type { ApiClient } from '../../api/client/apiClient.ts';
import type { Database } from '../../store/database.ts';

/** What the night's cars have to do: a batch, the model that it is for, and how its answers are judged. */
export interface NightWork {
  readonly model: string;
  readonly endpoint: string;
  readonly batchFile: string;
  /** Brings the model to the stack, before the batch is submitted; the models that are shipped are there. */
  readonly addModel?: (ports: AddModelPorts) => Promise<void>;
  /** @param answers bodies of the answers, by custom_id; at least one */
  judge(answers: ReadonlyMap<string, unknown>): AnswerQuality;
}

export interface AddModelPorts {
  readonly api: ApiClient;
  readonly database: Database;
  readonly onStatus: (text: string) => void;
  readonly onWarning: (text: string) => void;
}

/** Shares from 0 to 1; undefined: not what these answers are judged by. */
export interface AnswerQuality {
  readonly characterErrorRate?: number;
  /** Of the definitions, those that were answered with a word that they define. */
  readonly wordsFound?: number;
}
