import { continued, classified, LEXICOGRAPHER_FILES, readLabelledGlosses, vocabularyOf } from './glossData.ts';
import { classifierNetwork, transformerNetwork } from './networks.ts';
import type { LocalOptimizer, Partition, Strategy } from '../../domain/training.ts';

/** A model that the demo trains, with its data. */
export interface DemoModel {
  readonly name: string;
  readonly network: Uint8Array;
  readonly perStep: number;
  readonly frozen: readonly string[];
  readonly train: string;
  readonly test: string;
  readonly optimizer: LocalOptimizer;
}

export interface DemoRun {
  readonly name: string;
  readonly model: DemoModel;
  readonly strategy: Strategy;
  readonly partition: Partition;
}

export interface DemoSize {
  readonly examples: number;
  readonly rounds: number;
  readonly steps: number;
  readonly clients: number;
}

const SEED = 20_260_101;
const TESTED = 0.1;
const READ = { words: 4_000, dimensions: 48, hidden: 64, length: 20, classes: LEXICOGRAPHER_FILES } as const;
const WRITTEN = { words: 1_500, width: 48, heads: 4, layers: 2, length: 14 } as const;
const ADAM = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 } as const;

/** The two models from nothing, on the same glosses. */
export async function demoModels({ examples }: DemoSize): Promise<{ classifier: DemoModel; language: DemoModel }> {
  const glosses = await readLabelledGlosses(examples, SEED);
  const tested = glosses.slice(0, Math.ceil(TESTED * glosses.length));
  const shown = glosses.slice(tested.length);
  const read = vocabularyOf(shown, READ.words, 1);
  const written = vocabularyOf(shown, WRITTEN.words, 1);
  return {
    classifier: {
      name: 'gloss-classifier',
      network: classifierNetwork(READ),
      perStep: 32,
      frozen: [],
      train: classified(shown, read, READ.length),
      test: classified(tested, read, READ.length),
      optimizer: { ...ADAM, learning_rate: 0.005 },
    },
    language: {
      name: 'gloss-language',
      network: transformerNetwork(WRITTEN),
      perStep: 16,
      frozen: ['future'],
      train: continued(shown, written, WRITTEN.length),
      test: continued(tested, written, WRITTEN.length),
      optimizer: { ...ADAM, learning_rate: 0.003 },
    },
  };
}

/** Even and uneven data, and a language model with few exchanges. */
export function demoRuns({ classifier, language }: { classifier: DemoModel; language: DemoModel }): DemoRun[] {
  const uneven = [1, 0.5, 0.1].map((alpha): DemoRun => ({
    name: `Dirichlet ${alpha}`,
    model: classifier,
    strategy: { kind: 'fedavg' },
    partition: { kind: 'dirichlet', alpha },
  }));
  return [
    { name: 'even', model: classifier, strategy: { kind: 'fedavg' }, partition: { kind: 'even' } },
    ...uneven,
    {
      name: 'DiLoCo',
      model: language,
      // The paper's 0.7 and 0.9 are for hundreds of rounds: within ten, such a momentum carries the weights past where they should be.
      strategy: { kind: 'diloco', learning_rate: 0.5, momentum: 0.5 },
      partition: { kind: 'even' },
    },
  ];
}
