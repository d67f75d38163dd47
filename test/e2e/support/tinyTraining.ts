import { TrainingClient } from '../../../api/client/trainingClient.ts';
import type { ApiClient } from '../../../api/client/apiClient.ts';
import { classifierNetwork } from '../../../demo/training/networks.ts';
import { seededRandom } from '../../../domain/random.ts';
import { compileTraining } from '../../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../../inference/training/trainingManifest.ts';

const [WORDS, CLASSES, BATCH] = [30, 3, 8];
export const LENGTH = 6;
export const [CLIENTS, STEPS] = [4, 30];

/** Texts whose class is that of their words: each class has words of its own. */
function examples(count: number): string {
  const random = seededRandom(3);
  const lines = Array.from({ length: count }, () => {
    const label = Math.floor(random() * CLASSES);
    const word = (): number => 1 + label + CLASSES * Math.floor(random() * 8);
    return JSON.stringify({ input_ids: Array.from({ length: LENGTH }, word), labels: label });
  });
  return `${lines.join('\n')}\n`;
}

/** Starts to train a tiny classifier. @returns the run's id */
export async function startTinyTraining(api: ApiClient, rounds: number): Promise<string> {
  const network = classifierNetwork({ words: WORDS, dimensions: 8, hidden: 8, classes: CLASSES, length: LENGTH });
  const compiled = await compileTraining(network, { loss: 'softmax-cross-entropy', lengths: { batch: BATCH } });
  const model = new FormData();
  const pipeline = trainingPipelineOf(compiled.description);
  model.append('manifest', JSON.stringify({ name: 'tiny-training', pipeline }));
  model.append('file', new Blob([new Uint8Array(compiled.file)]), 'tiny.onnx');
  await api.call('/v1/models', { method: 'POST', body: model });
  const data = new FormData();
  data.append('purpose', 'batch');
  data.append('file', new Blob([examples(400)]), 'examples.jsonl');
  const file = (await (await api.call('/v1/files', { method: 'POST', body: data })).json()) as { id: string };
  const { id } = await new TrainingClient(api).start({
    name: 'tiny',
    model: 'tiny-training',
    train_file_id: file.id,
    plan: {
      optimizer: { kind: 'sgd', learning_rate: 0.3 },
      rounds,
      local_steps: STEPS,
      clients: CLIENTS,
      // Six minutes of real time: a coordinator that comes back has them left.
      round_minutes: 1_440,
    },
  });
  return id;
}
