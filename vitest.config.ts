import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    env: { TZ: 'UTC' },
    globalSetup: ['test/support/globalSetup.ts', 'test/support/postgres.ts'],
    testTimeout: 120_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 10_000 } },
    // Two cores: three forks took as long, and tests with real servers then ran into each other's time.
    maxWorkers: 2,
  },
});
