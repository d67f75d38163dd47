export const HARDWARE_CLASS_NAMES = ['hw3', 'ai4', 'ai5'] as const;
export type HardwareClass = (typeof HARDWARE_CLASS_NAMES)[number];

/**
 * The inference computers that cars carry. Chip power is the computer alone, without cooling and awake load. Figures
 * that are `assumed` are not confirmed by any maker; a planning problem may state others.
 */
export const HARDWARE_CLASSES = {
  hw3: { chipKw: 0.072, source: 'published: two chips of 36 W' },
  ai4: { chipKw: 0.16, source: 'unverified report', assumed: true },
  ai5: { chipKw: 0.8, source: 'unverified announcement', assumed: true },
} as const satisfies Record<HardwareClass, { chipKw: number; source: string; assumed?: true }>;
