/** What the exit code of every command means. */
export const EXIT_CODES = {
  ok: 0,
  /** The answer is no: a plan is refused, a server does not answer. */
  failed: 1,
  /** An argument or an input is wrong; the message names the field and its limit. */
  invalidInput: 2,
  /** Planned, but something that was wanted cannot be met. */
  unmet: 3,
} as const;
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];
