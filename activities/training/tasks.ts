import type { ModelRef } from '../../domain/shards.ts';
import type { TrainingPlan, TrainingTask } from '../../domain/training.ts';

/** Real time for which a round's input is kept: for whoever looks into its batch. */
export const INPUT_LIFE_SECONDS = 7 * 24 * 3600;

/** A step of this is the gradient itself. */
const ONE_GRADIENT = { kind: 'sgd', learning_rate: 1, momentum: 0, weight_decay: 0 } as const;

/** What all clients of a run are asked alike. */
export function localFieldsOf(
  plan: TrainingPlan,
  model: Pick<ModelRef, 'name'>,
): Pick<TrainingTask, 'model' | 'steps' | 'optimizer' | 'proximal_mu' | 'clip_norm'> {
  const isGradient = plan.strategy.kind === 'fedsgd';
  const norm = clipNormOf(plan);
  return {
    model: model.name,
    steps: isGradient ? 1 : plan.local_steps,
    optimizer: isGradient ? ONE_GRADIENT : plan.optimizer,
    proximal_mu: plan.strategy.kind === 'fedprox' ? plan.strategy.mu : 0,
    ...(norm !== undefined && { clip_norm: norm }),
  };
}

/** How far any client moves the weights at most. */
export function clipNormOf({ clip_norm: norm, privacy }: TrainingPlan): number | undefined {
  return privacy?.clip_norm ?? norm;
}
