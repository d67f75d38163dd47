/** A place in a grammar: what bytes may come, which rule is entered, or where the way parts. */
export type Place =
  | { kind: 'bytes'; readonly id: number; readonly from: number; readonly to: number; next: Place }
  | { kind: 'call'; readonly id: number; rule: () => Place; next: Place }
  | { kind: 'choice'; readonly id: number; readonly ways: Place[] }
  | { kind: 'end'; readonly id: number };

/** Frames of rules under way; the same frames are the same object. */
interface Stack {
  readonly id: number;
  readonly place: Place;
  readonly below: Stack | undefined;
  readonly depth: number;
}

/** Everything that the grammar may be doing after the bytes so far. */
export interface State {
  readonly accepts: boolean;
  /** Whether no byte may follow. */
  readonly final: boolean;
  readonly tops: readonly Stack[];
  readonly next: (State | null | undefined)[];
}

/** Values within values. Deeper ones are not written, so that recursion in a schema ends. */
const MAX_DEPTH = 64;
/** Then what is remembered is forgotten, and found again when it is needed. */
const MAX_STATES = 4_000;

/** Walks a grammar of bytes: its states are found when they are first reached, and remembered. */
export class ByteAutomaton {
  readonly #stacks = new Map<string, Stack>();
  #states = new Map<string, State>();
  readonly start: State;

  constructor(start: Place) {
    this.start = this.#state(this.#closure([{ place: start, below: undefined }]));
  }

  /** @returns null where the byte may not come */
  step(state: State, byte: number): State | null {
    const known = state.next[byte];
    if (known !== undefined) return known;
    const reached = state.tops.flatMap(({ place, below }) =>
      place.kind === 'bytes' && byte >= place.from && byte <= place.to ? [{ place: place.next, below }] : [],
    );
    const next = reached.length === 0 ? null : this.#state(this.#closure(reached));
    state.next[byte] = next;
    return next;
  }

  /** Goes on until each way waits for a byte or is at the grammar's end. */
  #closure(open: { place: Place; below: Stack | undefined }[]): Stack[] {
    const tops = new Map<number, Stack>();
    const seen = new Set<number>();
    const work = [...open];
    for (let next = work.pop(); next !== undefined; next = work.pop()) {
      const { place, below } = next;
      const stack = this.#push(place, below);
      if (!stack || seen.has(stack.id)) continue;
      seen.add(stack.id);
      switch (place.kind) {
        case 'bytes':
          tops.set(stack.id, stack);
          break;
        case 'choice':
          work.push(...place.ways.map((way) => ({ place: way, below })));
          break;
        case 'call':
          work.push({ place: place.rule(), below: this.#push(place.next, below) });
          break;
        case 'end':
          if (below) work.push({ place: below.place, below: below.below });
          else tops.set(stack.id, stack);
          break;
        default:
          place satisfies never;
      }
    }
    return [...tops.values()].sort((a, b) => a.id - b.id);
  }

  #push(place: Place, below: Stack | undefined): Stack | undefined {
    const depth = (below?.depth ?? 0) + 1;
    if (depth > MAX_DEPTH) return undefined;
    const key = `${place.id},${below?.id ?? ''}`;
    const known = this.#stacks.get(key) ?? { id: this.#stacks.size, place, below, depth };
    this.#stacks.set(key, known);
    return known;
  }

  #state(tops: readonly Stack[]): State {
    const key = tops.map(({ id }) => id).join(',');
    const known = this.#states.get(key);
    if (known) return known;
    if (this.#states.size >= MAX_STATES) this.#states = new Map();
    const state: State = {
      accepts: tops.some(({ place }) => place.kind === 'end'),
      final: tops.every(({ place }) => place.kind === 'end'),
      tops,
      next: [],
    };
    this.#states.set(key, state);
    return state;
  }
}
