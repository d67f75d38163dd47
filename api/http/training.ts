import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { newId } from '../../domain/ids.ts';
import { issueText } from '../../domain/issueText.ts';
import { modelDeclarationSchema } from '../../domain/modelUploads.ts';
import { modelManifestSchema } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { FINAL_TRAINING_STATES, type TrainingPlan } from '../../domain/training.ts';
import { readModel } from '../../store/models.ts';
import {
  insertTrainingRun,
  listOpenTrainingRuns,
  listTrainingRounds,
  listTrainingRuns,
  readTrainingRun,
  setTrainingState,
  takeBackRounds,
  type TrainingRound,
  type TrainingRun,
} from '../../store/trainingRuns.ts';
import { epsilonOf, roundsWithin } from '../../training/privacy.ts';
import { newTrainingRunSchema, publishSchema, trainingRunSchema, type TrainingRunWire } from '../wire/training.ts';
import { answerAdmitted, admittedSchema } from './admittedModel.ts';
import { checkInput } from './batchSubmission.ts';
import type { ApiPorts } from './ports.ts';
import { trainedModel } from './trainedModel.ts';
import { answers, errorResponses, idParam, limitParam, notFound, taking, unixSeconds } from './wire.ts';

const MAX_LISTED = 100;
const USUAL_LISTED = 20;

const createRouteOf = createRoute({
  method: 'post',
  path: '/v1/training_runs',
  summary: 'Train a model on the fleet, in federated rounds',
  request: taking(newTrainingRunSchema),
  responses: answers('The run; its rounds follow', trainingRunSchema),
});
const listRoute = createRoute({
  method: 'get',
  path: '/v1/training_runs',
  request: { query: z.object({ limit: limitParam(MAX_LISTED, USUAL_LISTED) }) },
  responses: answers('The newest runs', z.object({ object: z.literal('list'), data: z.array(trainingRunSchema) })),
});
const readRoute = createRoute({
  method: 'get',
  path: '/v1/training_runs/{id}',
  request: { params: idParam },
  responses: answers('The run with its rounds', trainingRunSchema),
});
const pauseRoute = createRoute({
  method: 'post',
  path: '/v1/training_runs/{id}/pause',
  summary: 'Hold a run back; cars keep the steps that they have taken',
  request: { params: idParam },
  responses: answers('The run', trainingRunSchema),
});
const resumeRoute = createRoute({
  method: 'post',
  path: '/v1/training_runs/{id}/resume',
  summary: 'Let a paused run go on, or an ended one from any of its weights',
  request: {
    params: idParam,
    body: {
      required: false,
      content: { 'application/json': { schema: z.strictObject({ from_version: z.number().int().min(0).optional() }) } },
    },
  },
  responses: answers('The run', trainingRunSchema),
});
const cancelRoute = createRoute({
  method: 'post',
  path: '/v1/training_runs/{id}/cancel',
  summary: 'End a run with the weights that it has',
  request: { params: idParam },
  responses: answers('The run', trainingRunSchema),
});
const exportRoute = createRoute({
  method: 'get',
  path: '/v1/training_runs/{id}/model',
  summary: 'The forward graph with the trained weights, ONNX',
  request: { params: idParam, query: z.object({ version: z.coerce.number().int().min(0).optional() }) },
  responses: {
    200: { description: 'An .onnx file', content: { 'application/octet-stream': { schema: z.string() } } },
    ...errorResponses,
  },
});
const publishRoute = createRoute({
  method: 'post',
  path: '/v1/training_runs/{id}/publish',
  summary: 'Add what was trained to the models that answer requests',
  request: { params: idParam, ...taking(publishSchema) },
  responses: answers('Admitted and published', admittedSchema),
});

/** Training of a tenant's models on the fleet. */
export function addTrainingRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, trainings, cell } = ports;
  const ownRun = async (tenantId: string, id: string): Promise<TrainingRun> => {
    const run = await readTrainingRun(database, id);
    if (run?.tenantId !== tenantId) throw notFound('training run', id);
    return run;
  };
  const shown = async (id: string): Promise<TrainingRunWire> => {
    const run = await readTrainingRun(database, id);
    if (!run) throw notFound('training run', id);
    return toWire(run, await listTrainingRounds(database, id));
  };

  app.openapi(createRouteOf, async (c) => {
    const { tenantId, scopes } = c.get('caller');
    const { name, model: modelName, train_file_id, test_file_id, plan } = c.req.valid('json');
    if (plan.data.kind === 'own' && !scopes.includes('ops')) {
      const message =
        'Training on cars\' own data needs a key with the scope "ops": owners have agreed with the operator.';
      throw new NightshiftError('forbidden', message);
    }
    checkFiles(plan, { train_file_id, test_file_id });
    checkBudget(plan);
    const { quorum = 1 } = parseGridHints(plan.hints);
    if (quorum > 1) {
      const message =
        'metadata["grid.quorum"]: a client’s local steps are one car’s work; what checks them is the check policy.';
      throw new NightshiftError('invalid_request', message, { field: 'plan.hints' });
    }
    if (train_file_id !== undefined) await checkInput(database, tenantId, train_file_id, 'train_file_id');
    if (test_file_id !== undefined) await checkInput(database, tenantId, test_file_id, 'test_file_id');
    const model = await readModel(database, tenantId, modelName);
    const kind = modelManifestSchema.safeParse(model?.manifest).data?.pipeline.kind;
    if (!model || kind !== 'training') {
      const why = model ? `is of the kind "${kind}"` : 'does not exist';
      const message = `model: "${modelName}" ${why}; it must be one of "nightshift train compile".`;
      throw new NightshiftError('invalid_request', message, { field: 'model' });
    }
    const run = await insertTrainingRun(database, {
      id: newId('train-', ports.now()),
      tenantId,
      cellId: cell.id,
      name,
      modelName,
      modelVersion: model.version,
      plan,
      trainFileId: train_file_id ?? null,
      testFileId: test_file_id ?? null,
    });
    await startRun(ports, run);
    return c.json(await shown(run.id), 200);
  });

  app.openapi(listRoute, async (c) => {
    const runs = await listTrainingRuns(database, c.get('caller').tenantId, c.req.valid('query').limit);
    return c.json({ object: 'list' as const, data: runs.map((run) => toWire(run, [])) }, 200);
  });

  app.openapi(readRoute, async (c) => {
    const { id } = await ownRun(c.get('caller').tenantId, c.req.valid('param').id);
    return c.json(await shown(id), 200);
  });

  app.openapi(pauseRoute, async (c) => {
    const run = await ownRun(c.get('caller').tenantId, c.req.valid('param').id);
    checkOpen(run, 'paused');
    await trainings.setPaused(run.id, true);
    return c.json(await shown(run.id), 200);
  });

  app.openapi(resumeRoute, async (c) => {
    const run = await ownRun(c.get('caller').tenantId, c.req.valid('param').id);
    const { from_version: from } = c.req.valid('json') ?? {};
    await resume(ports, run, from);
    return c.json(await shown(run.id), 200);
  });

  app.openapi(cancelRoute, async (c) => {
    const run = await ownRun(c.get('caller').tenantId, c.req.valid('param').id);
    checkOpen(run, 'cancelled');
    await trainings.cancel(run.id);
    return c.json(await shown(run.id), 200);
  });

  app.openapi(exportRoute, async (c) => {
    const run = await ownRun(c.get('caller').tenantId, c.req.valid('param').id);
    const { file } = await trainedModel(ports, run, c.req.valid('query').version);
    const disposition = `attachment; filename="${run.name.replaceAll(/[^\w.-]/g, '_')}.onnx"`;
    return c.body(new Uint8Array(file), 200, {
      'content-type': 'application/octet-stream',
      'content-disposition': disposition,
    });
  });

  app.openapi(publishRoute, async (c) => {
    const { tenantId, scopes } = c.get('caller');
    if (!scopes.includes('models')) {
      throw new NightshiftError('forbidden', 'Adding models needs a key with the scope "models".');
    }
    const run = await ownRun(tenantId, c.req.valid('param').id);
    const { weights_version, ...named } = c.req.valid('json');
    const { file, pipeline } = await trainedModel(ports, run, weights_version);
    const parsed = modelDeclarationSchema.safeParse({ ...named, description: `Trained by ${run.id}`, pipeline });
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const field = issue?.path.join('.') ?? 'name';
      throw new NightshiftError('invalid_request', `${field}: ${issueText(issue)}.`, { field });
    }
    await mkdir(ports.scratchFolder, { recursive: true, mode: 0o700 });
    const folder = await mkdtemp(join(ports.scratchFolder, 'trained-'));
    try {
      const path = join(folder, 'trained.onnx');
      await writeFile(path, file, { mode: 0o600 });
      const network = { path, sha256: createHash('sha256').update(file).digest('hex'), sizeBytes: file.byteLength };
      const admitted = await ports.admission.admit({ declaration: parsed.data, network, assets: [] }, tenantId);
      return c.json(await answerAdmitted(database, tenantId, admitted), 200);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** Starts the courses of runs that Temporal does not know; to be called now and then. */
export async function startOpenRuns(ports: ApiPorts): Promise<void> {
  for (const run of await listOpenTrainingRuns(ports.database, ports.cell.id)) {
    if (!(await startRun(ports, run))) return;
  }
}

async function startRun(ports: ApiPorts, run: TrainingRun): Promise<boolean> {
  const rounds = await listTrainingRounds(ports.database, run.id);
  const closed = rounds.filter(({ version }) => version !== null);
  const open = rounds.filter(({ version }) => version === null).map(({ round }) => round);
  const nextRound = Math.min(...open, 1 + Math.max(0, ...rounds.map(({ round }) => round)));
  try {
    await ports.trainings.start(run, { nextRound, prepared: closed.length > 0 });
    return true;
  } catch (error) {
    ports.logger.warn({ err: error, runId: run.id }, 'Temporal has not taken the run; it will be started later');
    return false;
  }
}

async function resume(ports: ApiPorts, run: TrainingRun, from: number | undefined): Promise<void> {
  const { database, objects, trainings } = ports;
  if (!FINAL_TRAINING_STATES.includes(run.state)) {
    if (from !== undefined) {
      const message = `The run is ${run.state}; cancel it before it goes on from other weights.`;
      throw new NightshiftError('invalid_request', message, { field: 'from_version' });
    }
    await trainings.setPaused(run.id, false);
    return;
  }
  const newest = Math.max(0, ...(await listTrainingRounds(database, run.id)).map(({ version }) => version ?? 0));
  const version = from ?? newest;
  if (version > newest || !(await objects.head(objectKeys.checkpoint(run.id, version)))) {
    const message = `from_version: the run has weights of the versions 0 to ${newest}.`;
    throw new NightshiftError('invalid_request', message, { field: 'from_version' });
  }
  await takeBackRounds(database, run.id, version);
  const rounds = await listTrainingRounds(database, run.id);
  const nextRound = 1 + Math.max(0, ...rounds.map(({ round }) => round));
  if (nextRound > run.plan.rounds) {
    const message = `All ${run.plan.rounds} rounds are done: go on from an earlier version.`;
    throw new NightshiftError('invalid_request', message, { field: 'from_version' });
  }
  await setTrainingState(database, run.id, 'waiting', `Goes on from version ${version}.`);
  await trainings.start(run, { nextRound, prepared: true });
}

/** @throws NightshiftError that names the file which is missing, or one too many */
function checkFiles(
  { data }: TrainingPlan,
  files: { readonly train_file_id: string | undefined; readonly test_file_id: string | undefined },
): void {
  const refuse = (field: keyof typeof files, why: string): never => {
    throw new NightshiftError('invalid_request', `${field}: ${why}.`, { field });
  };
  if (data.kind === 'tenant') {
    if (files.train_file_id === undefined) refuse('train_file_id', 'must be given');
    return;
  }
  if (files.train_file_id !== undefined) refuse('train_file_id', 'must be left out with plan.data.kind "own"');
  if (files.test_file_id === undefined) {
    refuse('test_file_id', 'must be given with plan.data.kind "own": nobody but the cars sees the examples');
  }
}

/** @throws NightshiftError for a plan whose rounds would tell more than it allows */
function checkBudget({ rounds, privacy }: TrainingPlan): void {
  const most = privacy?.max_epsilon;
  if (!privacy || most === undefined || epsilonOf(privacy, rounds) <= most) return;
  const fitting = roundsWithin(privacy, most);
  const message = `plan.privacy.max_epsilon: ${rounds} rounds would come to an epsilon of ${epsilonOf(privacy, rounds).toFixed(2)}, above ${most}; ${fitting} would fit, or take more noise.`;
  throw new NightshiftError('invalid_request', message, { field: 'plan.privacy.max_epsilon' });
}

function checkOpen({ state }: TrainingRun, action: string): void {
  if (!FINAL_TRAINING_STATES.includes(state)) return;
  throw new NightshiftError('invalid_request', `The run is ${state}; it cannot be ${action}.`, { field: 'state' });
}

function toWire(run: TrainingRun, rounds: readonly TrainingRound[]): TrainingRunWire {
  return {
    id: run.id,
    object: 'training_run',
    name: run.name,
    model: run.modelName,
    model_version: run.modelVersion,
    train_file_id: run.trainFileId,
    test_file_id: run.testFileId,
    plan: run.plan,
    state: run.state,
    message: run.message,
    created_at: unixSeconds(run.createdRealMs),
    rounds: rounds.map((round) => ({
      round: round.round,
      version: round.version,
      batch_id: round.batchId,
      clients: round.clients,
      updates: round.updates,
      partial: round.partial,
      handovers: round.handovers,
      examples: round.examples,
      steps: round.steps,
      train_loss: round.trainLoss,
      test_loss: round.testLoss,
      test_accuracy: round.testAccuracy,
      epsilon: round.epsilon,
      bytes_down: round.bytesDown,
      bytes_up: round.bytesUp,
      energy_wh: round.energyWh,
      gco2: round.gCo2,
      opened_at: new Date(round.openedAtMs).toISOString(),
      closed_at: round.closedAtMs === null ? null : new Date(round.closedAtMs).toISOString(),
    })),
  };
}
