/** Milliseconds of lengths of time that are always the same. A calendar day may be shorter or longer: luxon knows. */
export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Of any cell's slots. What is metered by the slot can begin so much before what it is looked up for. */
export const MAX_SLOT_MS = 15 * MINUTE_MS;
