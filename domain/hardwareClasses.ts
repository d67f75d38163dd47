export const HARDWARE_CLASS_NAMES = ['hw3', 'ai4', 'ai5'] as const;
export type HardwareClass = (typeof HARDWARE_CLASS_NAMES)[number];

/**
 * The inference computers that cars carry. Chip power is the computer alone, without cooling and awake load. Sources:
 * two published 36 W chips for hw3; `assumed` figures are not confirmed by any maker.
 */
export const HARDWARE_CLASSES = {
  hw3: { chipKw: 0.072, assumed: false },
  ai4: { chipKw: 0.16, assumed: true },
  ai5: { chipKw: 0.8, assumed: true },
} as const satisfies Record<HardwareClass, { chipKw: number; assumed: boolean }>;
