import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{agent,src,sim,stack,bench}/**/*.test.ts'],
          testTimeout: 20_000,
          env: { LOG_LEVEL: 'silent' },
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          // Calls mostly wait, for speech and for deadlines; two cores carry two files at a time.
          maxWorkers: 2,
          globalSetup: ['test/shared_stack.ts'],
          testTimeout: 120_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
