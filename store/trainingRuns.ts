import type { TrainingPlan, TrainingState } from '../domain/training.ts';
import { instant, only, type Queryable } from './database.ts';

export interface TrainingRun {
  readonly id: string;
  readonly tenantId: string;
  readonly cellId: string;
  readonly name: string;
  readonly modelName: string;
  readonly modelVersion: string;
  readonly plan: TrainingPlan;
  /** Of the Files API: one example a line. Null: cars train on their own. */
  readonly trainFileId: string | null;
  readonly testFileId: string | null;
  readonly state: TrainingState;
  /** Why it waits, or how it ended. */
  readonly message: string;
  readonly attempt: number;
  /** Rounds whose sum had noise, those that were taken back included. */
  readonly privateRounds: number;
  readonly createdRealMs: number;
}

export type NewTrainingRun = Omit<TrainingRun, 'state' | 'message' | 'attempt' | 'privateRounds' | 'createdRealMs'>;

/** A round that has been opened; `updates` is null while it is under way. Instants are grid time. */
export interface TrainingRound {
  readonly runId: string;
  readonly round: number;
  readonly attempt: number;
  /** Of the weights that its clients began with; 0 is what the run begins with. */
  readonly baseVersion: number;
  /** Of the weights that it made: rounds are numbered as they close. */
  readonly version: number | null;
  readonly batchId: string | null;
  readonly clients: number;
  readonly updates: number | null;
  readonly partial: number;
  readonly handovers: number;
  readonly examples: number;
  readonly steps: number;
  readonly trainLoss: number | null;
  readonly testLoss: number | null;
  readonly testAccuracy: number | null;
  readonly epsilon: number | null;
  readonly weightsSha256: string | null;
  readonly bytesDown: number;
  readonly bytesUp: number;
  readonly energyWh: number;
  readonly gCo2: number;
  readonly openedAtMs: number;
  readonly closedAtMs: number | null;
}

const RUN = `id, tenant_id as "tenantId", cell_id as "cellId", name, model_name as "modelName",
  model_version as "modelVersion", plan, train_file_id as "trainFileId", test_file_id as "testFileId", state, message,
  attempt, private_rounds as "privateRounds", created_real_at as "createdRealMs"`;
const ROUND = `run_id as "runId", round, attempt, base_version as "baseVersion", version, batch_id as "batchId", clients, updates,
  partial, handovers, examples, steps, train_loss as "trainLoss", test_loss as "testLoss",
  test_accuracy as "testAccuracy", epsilon, weights_sha256 as "weightsSha256", bytes_down as "bytesDown",
  bytes_up as "bytesUp", energy_wh as "energyWh", gco2 as "gCo2", opened_at as "openedAtMs", closed_at as "closedAtMs"`;

export async function insertTrainingRun(database: Queryable, run: NewTrainingRun): Promise<TrainingRun> {
  return only(
    await database.query<TrainingRun>(
      `insert into training_runs (id, tenant_id, cell_id, name, model_name, model_version, plan, train_file_id,
         test_file_id, state) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'waiting') returning ${RUN}`,
      [
        run.id,
        run.tenantId,
        run.cellId,
        run.name,
        run.modelName,
        run.modelVersion,
        JSON.stringify(run.plan),
        run.trainFileId,
        run.testFileId,
      ],
    ),
  );
}

export async function readTrainingRun(database: Queryable, id: string): Promise<TrainingRun | undefined> {
  const [run] = await database.query<TrainingRun>(`select ${RUN} from training_runs where id = $1`, [id]);
  return run;
}

/** The tenant's newest runs, newest first. */
export async function listTrainingRuns(database: Queryable, tenantId: string, limit: number): Promise<TrainingRun[]> {
  return database.query<TrainingRun>(
    `select ${RUN} from training_runs where tenant_id = $1 order by created_real_at desc, id desc limit $2`,
    [tenantId, limit],
  );
}

/** Runs that are under way in the cell: whose workflow must be there. */
export async function listOpenTrainingRuns(database: Queryable, cellId: string): Promise<TrainingRun[]> {
  return database.query<TrainingRun>(
    `select ${RUN} from training_runs where cell_id = $1 and state in ('waiting', 'training', 'paused') order by id`,
    [cellId],
  );
}

export async function setTrainingState(
  database: Queryable,
  id: string,
  state: TrainingState,
  message: string,
): Promise<void> {
  await database.query('update training_runs set state = $2, message = $3 where id = $1', [id, state, message]);
}

/** Takes back all rounds that are open, or made weights after these. What they were stays in their batches and in the ledger. */
export async function takeBackRounds(database: Queryable, id: string, afterVersion: number): Promise<void> {
  await database.query('delete from training_rounds where run_id = $1 and (version is null or version > $2)', [
    id,
    afterVersion,
  ]);
  await database.query(
    'delete from training_cars c where run_id = $1 and not exists (select 1 from training_rounds r where r.run_id = c.run_id and r.round = c.round)',
    [id],
  );
  await database.query('update training_runs set attempt = attempt + 1 where id = $1', [id]);
}

/** In ascending order. */
export async function listTrainingRounds(database: Queryable, runId: string): Promise<TrainingRound[]> {
  return database.query<TrainingRound>(`select ${ROUND} from training_rounds where run_id = $1 order by round`, [
    runId,
  ]);
}

/** Opens a round, unless it is open. @returns the round as it stands */
export async function openTrainingRound(
  database: Queryable,
  round: Pick<TrainingRound, 'runId' | 'round' | 'attempt' | 'baseVersion' | 'batchId' | 'clients' | 'openedAtMs'>,
): Promise<TrainingRound> {
  await database.query(
    `insert into training_rounds (run_id, round, attempt, base_version, batch_id, clients, opened_at)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (run_id, round) do nothing`,
    [
      round.runId,
      round.round,
      round.attempt,
      round.baseVersion,
      round.batchId,
      round.clients,
      instant(round.openedAtMs),
    ],
  );
  return only(
    await database.query<TrainingRound>(`select ${ROUND} from training_rounds where run_id = $1 and round = $2`, [
      round.runId,
      round.round,
    ]),
  );
}

export async function closeTrainingRound(
  database: Queryable,
  round: Omit<TrainingRound, 'attempt' | 'baseVersion' | 'batchId' | 'clients' | 'openedAtMs'>,
): Promise<void> {
  await database.query(
    `with closed as (update training_rounds set updates = $3, partial = $4, handovers = $5, examples = $6, steps = $7, train_loss = $8,
       test_loss = $9, test_accuracy = $10, epsilon = $11, weights_sha256 = $12, bytes_down = $13, bytes_up = $14,
       energy_wh = $15, gco2 = $16, closed_at = $17, version = $18 where run_id = $1 and round = $2 and version is null
       returning run_id, epsilon)
     update training_runs set private_rounds = private_rounds + 1
     where id in (select run_id from closed where epsilon is not null)`,
    [
      round.runId,
      round.round,
      round.updates,
      round.partial,
      round.handovers,
      round.examples,
      round.steps,
      round.trainLoss,
      round.testLoss,
      round.testAccuracy,
      round.epsilon,
      round.weightsSha256,
      round.bytesDown,
      round.bytesUp,
      round.energyWh,
      round.gCo2,
      round.closedAtMs === null ? null : instant(round.closedAtMs),
      round.version,
    ],
  );
}

/** Cars of the cell at their plugs whose owners let them compute, and that take models of the family. */
export async function countPluggedCars(database: Queryable, cellId: string, family: string): Promise<number> {
  const { cars } = only(
    await database.query<{ cars: number }>(
      `select count(*)::int as cars from vehicles v
         join regions r on r.id = v.region_id
         join parking_sessions p on p.vehicle_id = v.id and p.unplugged_at is null
       where r.cell_id = $1 and $2 = any(v.model_families) and (v.policy ->> 'computeOptIn')::boolean`,
      [cellId, family],
    ),
  );
  return cars;
}
