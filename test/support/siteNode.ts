/** What a computer at a charging site is enrolled with: always awake, no battery, nothing to be ready for. */
export const SITE_NODE = {
  kind: 'site_node',
  hardwareClass: 'ai5',
  policy: {
    readyBy: '00:00',
    timeZone: 'Europe/Berlin',
    targetSocPercent: 100,
    minimumSocPercent: 0,
    computeSocFloorPercent: 20,
    computeOptIn: true,
  },
} as const;
