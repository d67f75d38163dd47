import { lineDistance } from '../../domain/trust/sameAnswer.ts';
import type { FoundInLines } from '../../domain/trust/checkShare.ts';
import { holdText } from '../../domain/trust/sameText.ts';
import { wider, type MeasuredNoise, type Tolerance } from '../../domain/trust/tolerance.ts';
import { rereadAnswers, trustedAnswers, type ShardRequests } from './trustedAnswers.ts';
import type { TrustedRunner } from './trustPorts.ts';

/** Holds a car's answers against a trusted computer's, and keeps what it has seen of both. */
export class LineComparison {
  readonly #trusted: TrustedRunner;
  readonly #requests: ShardRequests;
  readonly #answers: ReadonlyMap<number, string>;
  readonly #tolerance: Tolerance;
  readonly #right = new Map<number, string>();
  #noise: MeasuredNoise = { numbers: 0, logits: 0 };
  #deviceMs = 0;

  /** @param answers the car's, by line number */
  constructor(
    trusted: TrustedRunner,
    requests: ShardRequests,
    answers: ReadonlyMap<number, string>,
    tolerance: Tolerance,
  ) {
    this.#trusted = trusted;
    this.#requests = requests;
    this.#answers = answers;
    this.#tolerance = tolerance;
  }

  /** How far the answers were apart that say the same. */
  get noise(): MeasuredNoise {
    return this.#noise;
  }

  /** How long the trusted computer has computed for it, real time. */
  get deviceMs(): number {
    return this.#deviceMs;
  }

  async compare(lines: readonly number[]): Promise<FoundInLines> {
    return this.#requests.split.generates === true ? this.#reread(lines) : this.#computeAgain(lines);
  }

  /** The trusted answers to lines, computed now where they were not yet. */
  async right(lines: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const missing = lines.filter((line) => !this.#right.has(line));
    if (missing.length > 0) await this.#compute(missing);
    return new Map([...this.#right].filter(([line]) => lines.includes(line)));
  }

  async #computeAgain(lines: readonly number[]): Promise<FoundInLines> {
    await this.#compute(lines);
    const differing = lines.filter((line) => {
      const apart = lineDistance(this.#answers.get(line) ?? '', this.#right.get(line) ?? '');
      if (apart < Number.POSITIVE_INFINITY) this.#noise = wider(this.#noise, { numbers: apart, logits: 0 });
      return apart > this.#tolerance.numbers;
    });
    return { differing, tokens: 0, divergent: 0 };
  }

  async #reread(lines: readonly number[]): Promise<FoundInLines> {
    const asked = new Map(lines.map((line) => [line, this.#answers.get(line) ?? '']));
    const { byLine: reread, deviceMs } = await rereadAnswers(this.#trusted, this.#requests, asked);
    this.#deviceMs += deviceMs;
    const differing: number[] = [];
    let [tokens, divergent] = [0, 0];
    for (const [line, text] of asked) {
      const read = reread.get(line);
      const held = holdText(text, read?.text ?? '', read?.replay, this.#tolerance);
      tokens += held.tokens;
      divergent += held.divergent;
      if (held.differs) differing.push(line);
      else {
        const distances = read?.replay?.flatMap((choice) => [...choice.distances]) ?? [];
        const logits = distances.reduce((most, distance) => Math.max(most, distance), 0);
        this.#noise = wider(this.#noise, { numbers: 0, logits });
      }
    }
    return { differing, tokens, divergent };
  }

  async #compute(lines: readonly number[]): Promise<void> {
    const { byLine, deviceMs } = await trustedAnswers(this.#trusted, this.#requests, lines);
    this.#deviceMs += deviceMs;
    for (const [line, text] of byLine) this.#right.set(line, text);
  }
}
