import { DateTime } from 'luxon';

/** Where a journal line happened, for its wall clock. */
export interface Place {
  /** Last part of the zone's name, as people call it. */
  readonly name: string;
  readonly timeZone: string;
}

const NOWHERE: Place = { name: 'UTC', timeZone: 'UTC' };

/** Finds the place of a journal line's subject: a vehicle, a region, or a workflow id that holds one of them. */
export class Places {
  readonly #byId: ReadonlyMap<string, Place>;

  /** @param timeZones IANA zone by vehicle and region id. */
  constructor(timeZones: ReadonlyMap<string, string>) {
    this.#byId = new Map([...timeZones].map(([id, timeZone]) => [id, placeOf(timeZone)]));
  }

  of(subject: string): Place {
    for (const part of [subject, ...subject.split('/')]) {
      const place = this.#byId.get(part);
      if (place) return place;
    }
    return NOWHERE;
  }
}

export function placeOf(timeZone: string): Place {
  return { name: (timeZone.split('/').at(-1) ?? timeZone).replaceAll('_', ' '), timeZone };
}

/** `07:30` on the place's clock. */
export function wallClock(atMs: number, place: Place): string {
  return DateTime.fromMillis(atMs, { zone: place.timeZone }).toFormat('HH:mm');
}
