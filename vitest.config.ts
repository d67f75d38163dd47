import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    env: { TZ: 'UTC' },
    globalSetup: ['test/support/globalSetup.ts', 'test/support/postgres.ts'],
    testTimeout: 120_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 10_000 } },
    // On two cores: tests with real servers often wait for a time limit, and others compute meanwhile.
    maxWorkers: 3,
  },
});
