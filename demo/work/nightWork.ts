import type { SimulatedClass } from '../../domain/hardwareClasses.ts';

/** What the night's cars have to do: a batch, the model that it is for, and how its answers are judged. */
export interface NightWork {
  readonly model: string;
  readonly endpoint: string;
  readonly batchFile: string;
  /** How long a car of the class is held to take for a unit of the work, in grid time, until it was measured. */
  readonly secondsPerUnit: (hardwareClass: SimulatedClass) => number;
  /** @param answers bodies of the answers, by custom_id; at least one */
  judge(answers: ReadonlyMap<string, unknown>): AnswerQuality;
}

/** Shares from 0 to 1; undefined: not what these answers are judged by. */
export interface AnswerQuality {
  readonly characterErrorRate?: number;
  /** Of the definitions, those that were answered with a word that they define. */
  readonly wordsFound?: number;
}
