import type { CarRowWire, JournalRowWire, LiveEvents } from '../api/wire/page.ts';

/** An event of the page's stream. */
export type LiveEvent = {
  [Name in keyof LiveEvents]: { readonly name: Name; readonly data: LiveEvents[Name] };
}[keyof LiveEvents];

/** What the stream has told so far; `undefined`: not yet. Plain, so that it can be tested without a browser. */
export interface LiveState {
  plan: LiveEvents['plan'] | undefined;
  jobs: LiveEvents['jobs'] | undefined;
  alerts: LiveEvents['alerts'] | undefined;
  regions: LiveEvents['regions'] | undefined;
  events: LiveEvents['events'] | undefined;
  batches: LiveEvents['batches'] | undefined;
  /** By id, in order of place: region, feeder, id. */
  cars: Map<string, CarRowWire> | undefined;
  /** Newest first. */
  lines: JournalRowWire[];
}

const MAX_LINES = 500;

export function emptyLiveState(): LiveState {
  return {
    plan: undefined,
    jobs: undefined,
    alerts: undefined,
    regions: undefined,
    events: undefined,
    batches: undefined,
    cars: undefined,
    lines: [],
  };
}

/** Takes an event in; a list begins anew with an event that says so. */
export function takeEvent(state: LiveState, event: LiveEvent): void {
  switch (event.name) {
    case 'plan':
      state.plan = event.data;
      break;
    case 'jobs':
      state.jobs = event.data;
      break;
    case 'alerts':
      state.alerts = event.data;
      break;
    case 'regions':
      state.regions = event.data;
      break;
    case 'events':
      state.events = event.data;
      break;
    case 'batches':
      state.batches = event.data;
      break;
    case 'cars':
      state.cars = takeCars(event.data.full ? undefined : state.cars, event.data);
      break;
    case 'line':
      state.lines = [event.data, ...state.lines.filter(({ seq }) => seq !== event.data.seq)].slice(0, MAX_LINES);
      break;
  }
}

/** Sorts only when a car is new or at another place: to sort 10,000 cars at every change of one makes the page stutter. */
function takeCars(known: LiveState['cars'], { rows, removed }: LiveEvents['cars']): Map<string, CarRowWire> {
  const cars = known ?? new Map<string, CarRowWire>();
  let isSorted = true;
  for (const row of rows) {
    const before = cars.get(row.id);
    isSorted &&= before !== undefined && before.region === row.region && before.feeder === row.feeder;
    cars.set(row.id, row);
  }
  for (const id of removed) cars.delete(id);
  return isSorted ? cars : new Map([...cars].sort(([, a], [, b]) => byPlace(a, b)));
}

function byPlace(a: CarRowWire, b: CarRowWire): number {
  return compared(a.region, b.region) || compared(a.feeder, b.feeder) || compared(a.id, b.id);
}

function compared(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
