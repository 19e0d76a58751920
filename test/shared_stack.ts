import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { StackAccess } from '../sim/installation/installation.ts';
import { WebhookHub } from '../sim/installation/webhook_hub.ts';
import { prepareStack } from '../stack/prepare.ts';
import { freePorts, startStack } from '../stack/stack.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    stack: StackAccess;
  }
}

/** One local stack for all tests of the running system: each has a phone number of its own on it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'callwire-stack-'));
  const keys = { apiKey: 'test', apiSecret: 'a-made-up-secret-of-enough-characters' };
  // Builds what is not built yet, and says how long that will take.
  const programs = await prepareStack({ signal: new AbortController().signal });
  const hub = await WebhookHub.start();
  const { webhookUrl } = hub;
  const stack = await startStack({ ports: await freePorts(), dataDir, keys, programs, webhookUrl });
  project.provide('stack', { url: stack.url, sip: stack.sip, ...keys, webhookHub: hub.url });
  return async () => {
    await stack.stop();
    await hub.close();
    await rm(dataDir, { recursive: true, force: true });
  };
}
