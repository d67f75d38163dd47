/**
 * The inference computers that cars carry. Chip power is the computer alone, without cooling and awake load.
 * Sources: vehicles.md section 3 of the design notes; `assumed` figures are not confirmed by any maker.
 */
export const HARDWARE_CLASSES = {
  hw3: { chipKw: 0.072, assumed: false },
  ai4: { chipKw: 0.16, assumed: true },
  ai5: { chipKw: 0.8, assumed: true },
} as const satisfies Record<string, { chipKw: number; assumed: boolean }>;

export type HardwareClass = keyof typeof HARDWARE_CLASSES;
