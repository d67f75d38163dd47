/** Every name that two processes must agree on: workflow ids, task queues, object keys and MQTT topics. */

/** What belongs to submitters, jobs and their waves: any cell's control workers take it, so that it outlives one cell. */
export const CONTROL_TASK_QUEUE = 'control';

/** What belongs to one cell: its plans, regions, stays and utilities. Only its own control workers take it. */
export function cellTaskQueue(cellId: string): string {
  return `${CONTROL_TASK_QUEUE}/${cellId}`;
}

export const workflowIds = {
  region: (regionId: string): string => `region/${regionId}`,
  cell: (cellId: string): string => `cell/${cellId}`,
  job: (batchId: string): string => `job/${batchId}`,
  division: (cellId: string): string => `division/${cellId}`,
  rollout: (name: string, version: string): string => `model/${name}/${version}`,
  ven: (connectionId: string): string => `ven/${connectionId}`,
  training: (runId: string): string => `training/${runId}`,
  recall: (quarantineId: number): string => `recall/${quarantineId}`,
  session: (vehicleId: string, stay: number): string => `session/${vehicleId}/${stay}`,
} as const;

/** What roll-outs call the agent's own releases; no model may have this name. */
export const AGENT_RELEASE = 'nightshift-agent';

/** Names cell and slot, so that an operator finds the plan of an hour; the instant keeps plans of one slot apart. */
export function planIdOf(cellId: string, slotStartMs: number, createdAtMs: number): string {
  return `${cellId}/${new Date(slotStartMs).toISOString()}/${createdAtMs}`;
}

export function cellOfPlan(planId: string): string {
  return planId.split('/').slice(0, -2).join('/');
}

/** One queue per (region, hardware class, model family): a retry after a drive-away lands on any other such car. */
export function inferenceTaskQueue(regionId: string, hardwareClass: string, modelFamily: string): string {
  return `inference/${regionId}/${hardwareClass}/${modelFamily}`;
}

/**
 * Object keys depend only on what the object means, never on who wrote it or when: a late attempt can then only
 * write the same bytes to the same key.
 */
export const objectKeys = {
  file: (fileId: string): string => `files/${fileId}`,
  model: (sha256: string): string => `models/${sha256}.onnx`,
  /** What a model needs beside its network, e.g. the dictionary of a recognition model. */
  modelAsset: (sha256: string): string => `models/${sha256}.asset`,
  /** A file of a model that is a folder. */
  modelFile: (sha256: string): string => `models/files/${sha256}`,
  /** A file of a release of the agent. */
  agentFile: (sha256: string): string => `agent-releases/${sha256}`,
  /** A name's slash becomes "=", which no name has: so no name is a folder of another's manifests. */
  modelManifest: (name: string, version: string): string =>
    `models/manifests/${name.replaceAll('/', '=')}/${version}.json`,
  /** Everything that a job works with. */
  jobPrefix: (jobId: string): string => `jobs/${jobId}/`,
  /** What the cars of a round of training begin with; read by all of them. */
  jobWeights: (jobId: string): string => `jobs/${jobId}/weights.f32`,
  /** Weights of a run, with the lists that its strategy carries on behind them. Version 0: what it begins with. */
  checkpoint: (runId: string, version: number): string => `training/${runId}/versions/${pad(version)}.f32`,
  /** Examples of a run as they are handed out. */
  trainingData: (runId: string, set: 'train' | 'test'): string => `training/${runId}/${set}.json`,
  shardInput: (jobId: string, shard: number): string => `jobs/${jobId}/shards/${pad(shard)}/input.jsonl`,
  /** Whose lines stand where in a slice with canaries; no car may read it. */
  sliceKey: (jobId: string, slice: number): string => `jobs/${jobId}/shards/${pad(slice)}/key.json`,
  /** Some slices of a job that are small, one after the other (store/slices.ts). */
  slicePack: (jobId: string, pack: number): string => `jobs/${jobId}/slices/${pad(pack)}.pack`,
  partPrefix: (jobId: string, shard: number): string => `jobs/${jobId}/shards/${pad(shard)}/parts/`,
  /** Named after its car, so that no car stands in another's way. `vehicleId` is undefined for parts of versions before that. */
  part: (jobId: string, shard: number, range: LineRange, vehicleId: string | undefined): string =>
    `${objectKeys.partPrefix(jobId, shard)}${pad(range.start)}-${pad(range.end)}${vehicleId === undefined ? '' : `.${vehicleId}`}.jsonl`,
  /** What a trusted computer has answered to a request that is a canary in several slices; no car may read it. */
  knownAnswer: (jobId: string, requestSha256: string): string => `jobs/${jobId}/known/${requestSha256}.json`,
  receiptPrefix: (jobId: string, shard: number): string => `jobs/${jobId}/shards/${pad(shard)}/receipts/`,
  receipt: (jobId: string, shard: number, range: LineRange, vehicleId: string): string =>
    `${objectKeys.receiptPrefix(jobId, shard)}${pad(range.start)}-${pad(range.end)}.${vehicleId}.json`,
  /** Answers that a car began and did not end, e.g. the tokens so far of generated texts. */
  unfinishedPrefix: (jobId: string, shard: number): string => `jobs/${jobId}/shards/${pad(shard)}/unfinished/`,
  unfinished: (jobId: string, shard: number, tokens: number, vehicleId: string): string =>
    `${objectKeys.unfinishedPrefix(jobId, shard)}${String(tokens).padStart(9, '0')}.${vehicleId}.json`,
} as const;

const RESULT_FILE = /^file-([\w-]+)-(output|error)$/;

/** Id of a batch's output or error file: known before the file is, so that it can be read while the batch runs. */
export function resultFileId(batchId: string, kind: 'output' | 'error'): string {
  return `file-${batchId.replace(/^batch_/, '')}-${kind}`;
}

/** Id of the input file that holds the requests of an ended batch that were left without an answer. */
export function unfinishedFileId(batchId: string): string {
  return `file-${batchId.replace(/^batch_/, '')}-unfinished`;
}

/** The batch whose output file has this id, or undefined when it is no output file's id. */
export function batchOfOutputFile(fileId: string): string | undefined {
  const match = RESULT_FILE.exec(fileId);
  return match?.[2] === 'output' ? `batch_${match[1]}` : undefined;
}

/** Half-open range of line numbers [start, end) within a shard's input. */
export interface LineRange {
  readonly start: number;
  readonly end: number;
}

interface CarsLines {
  readonly range: LineRange;
  readonly vehicleId: string;
}

/** The lines that a part's key names and the car that wrote it, or undefined for a key that is not a car's part. */
export function partOfKey(key: string): CarsLines | undefined {
  return carsLines(/\/parts\/(\d{6})-(\d{6})\.([^/]+)\.jsonl$/.exec(key));
}

/** The job whose wave has this workflow id, or undefined for another workflow's. */
export function jobOfWave(workflowId: string): string | undefined {
  return /^job\/([^/]+)\/wave\/\d+$/.exec(workflowId)?.[1];
}

/** The part that a receipt's key names and the car that wrote it, or undefined for a key that is not a receipt's. */
export function receiptOfKey(key: string): CarsLines | undefined {
  return carsLines(/\/receipts\/(\d{6})-(\d{6})\.([^/]+)\.json$/.exec(key));
}

function carsLines(match: RegExpExecArray | null): CarsLines | undefined {
  const [, start, end, vehicleId] = match ?? [];
  if (vehicleId === undefined) return undefined;
  return { range: { start: Number(start), end: Number(end) }, vehicleId };
}

/** What an unfinished answers' key names, or undefined for another key. */
export function unfinishedOfKey(key: string): { readonly tokens: number; readonly vehicleId: string } | undefined {
  const [, tokens, vehicleId] = /\/unfinished\/(\d{9})\.([^/]+)\.json$/.exec(key) ?? [];
  return tokens === undefined || vehicleId === undefined ? undefined : { tokens: Number(tokens), vehicleId };
}

/** Topic base of the telemetry dispatcher, as its config names it. */
export const TELEMETRY_BASE = 'telemetry';

/** MQTT topics. Telemetry follows Tesla's fleet-telemetry dispatcher; the rest is ours. */
export const topics = {
  telemetryField: (base: string, vin: string, field: string): string => `${base}/${vin}/v/${field}`,
  connectivity: (base: string, vin: string): string => `${base}/${vin}/connectivity`,
  /** What the agent's own meter says of its compute, where a charger's meter counts. */
  computeMeter: (vin: string): string => `nightshift/${vin}/compute-meter`,
  /** Cumulative energy registers of the car: `MeterReading`. */
  meter: (vin: string): string => `nightshift/${vin}/meter`,
  /** An agent's own connection, in the form of telemetry's; its will says that it has gone. */
  agentConnectivity: (vin: string): string => `nightshift/${vin}/connectivity`,
  /** Retained `SetpointProfile`: what the car may draw, slot by slot. */
  setpoints: (vin: string): string => `nightshift/${vin}/setpoints`,
  /** Retained `ShedOrder`: draw nothing, at once, past every plan. */
  shed: (vin: string): string => `nightshift/${vin}/shed`,
  /** Retained `ModelOrder`: what the car is to fetch, and whose queues it may poll beside its own. */
  models: (vin: string): string => `nightshift/${vin}/models`,
  /** What the car has fetched: `FetchedModel`. */
  fetchedModel: (vin: string): string => `nightshift/${vin}/fetched-model`,
  /** An agent's answers to its setpoint profile: `AnsweredProfile`. */
  answered: (vin: string): string => `nightshift/${vin}/answered`,
  /** A request to the car's modem to wake the car: `{ "reason": string }`. */
  wake: (vin: string): string => `nightshift/${vin}/wake`,
} as const;

function pad(value: number): string {
  return String(value).padStart(6, '0');
}
