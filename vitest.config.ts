import { defineConfig } from 'vitest/config';
import { testEnvironment } from './test/environment.ts';
import { SlowFirst } from './test/slow_first.ts';

const env = testEnvironment();

export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{agent,client,src,sim,stack,bench}/**/*.test.ts'],
          testTimeout: 20_000,
          // vitest leaves one core free, which is half of two.
          maxWorkers: '100%',
          // To load agents-js, zod and the rest anew for each of more than 200 files took most of the time.
          isolate: false,
          env: { ...env, LOG_LEVEL: 'silent' },
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/*.test.ts'],
          exclude: ['test/bench.test.ts'],
          // Calls mostly wait, for speech and for deadlines: three files at a time are as much as two
          // cores can do.
          maxWorkers: 3,
          // A machine that has no time for a call process loses audio, which no code of ours gives back:
          // such a call is made anew once. What is broken fails twice.
          retry: 1,
          globalSetup: ['test/shared_stack.ts'],
          env,
          testTimeout: 120_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          // Behind the others: what a bench loads the machine with costs calls beside it their audio.
          name: 'bench',
          include: ['test/bench.test.ts'],
          env: { NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE },
        },
      },
      {
        test: {
          // Minutes of kills, no part of `npm test`: npm run test:soak.
          name: 'soak',
          include: ['test/soak/*.test.ts'],
          fileParallelism: false,
          globalSetup: ['test/shared_stack.ts'],
          hookTimeout: 600_000,
          // What it prints is its progress.
          disableConsoleIntercept: true,
        },
      },
    ],
  },
});
