import type { Clock } from '../../domain/clock.ts';

/** What the process of the cars is started with. */
export interface CarsOptions {
  readonly cars: number;
  readonly mqttUrl: string;
  readonly clock: Clock;
}

export type CarsMessage =
  | { readonly type: 'computing' }
  | {
      readonly type: 'finished';
      /** Real time, epoch ms, at which each car's draw first fell to 0. */
      readonly droppedAtRealMs: readonly (number | null)[];
      readonly shardsDone: number;
      /** Cars that went on with the shard that they had paused, and those that gave it back and began another attempt. */
      readonly resumed: number;
      readonly yielded: number;
      /** Lines that are stored, each counted once, and lines that were computed more than once. */
      readonly linesStored: number;
      readonly linesRedone: number;
    };

export const vehicleIdOf = (index: number): string => `car-${String(index).padStart(4, '0')}`;
export const LINES_PER_SHARD = 10;
