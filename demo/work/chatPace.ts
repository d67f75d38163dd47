/** Of the time until the deadline, that in which cars compute: beside each other, but in the hours that the plan picks. */
const COMPUTING_SHARE = 0.6;
/** Fewer would show nothing of a night. */
const FEWEST_REQUESTS = 8;

export interface NightToPace {
  /** Of one request alone on this machine as it is now, in real ms. */
  readonly msPerRequest: number;
  /** As many as the night has on a machine that is fast enough. */
  readonly requests: number;
  /** From the night's start to the batch's deadline, grid time. */
  readonly windowMs: number;
  /** Grid seconds a real second: at the most, and at the least. */
  readonly scale: number;
  readonly slowest: number;
}

/**
 * The pace at which the machine answers all chats of a night, and where even the slowest is too fast for that, how many
 * it does answer. Requests that it cannot answer would expire.
 */
export function chatPace({ msPerRequest, requests, windowMs, scale, slowest }: NightToPace): {
  readonly scale: number;
  readonly requests: number;
} {
  const computedAt = (pace: number): number => (windowMs / pace) * COMPUTING_SHARE;
  const bearable = computedAt(1) / (requests * msPerRequest);
  const paced = Math.floor(Math.min(scale, Math.max(slowest, bearable)));
  const answered = Math.floor(computedAt(paced) / msPerRequest);
  return {
    scale: paced,
    requests: bearable >= paced ? requests : Math.min(requests, Math.max(FEWEST_REQUESTS, answered)),
  };
}
