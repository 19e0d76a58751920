import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { defineAgent, llm, voice, waitForParticipantAttribute } from '@livekit/agents';
import * as openai from '@livekit/agents-plugin-openai';
import { z } from 'zod';

/** The least that a durable tool does: a line and an fsync, in a file that nobody else writes. */
async function durableTools() {
  const file = await open(join(process.env.BENCH_FOLDER ?? '.', `${process.pid}.ndjson`), 'a');
  const durable = (parameters: z.ZodObject) =>
    llm.tool({
      description: 'Keep this.',
      parameters,
      execute: async (args, { toolCallId }) => {
        await file.appendFile(`${JSON.stringify({ toolCallId, args, time: Date.now() })}\n`);
        await file.datasync();
        return { status: 'saved' };
      },
    });
  return {
    record_intent: durable(z.object({ intent: z.string() })),
    update_crm_note: durable(z.object({ note: z.string() })),
    lookup_crm: llm.tool({
      description: 'Look the caller up.',
      parameters: z.object({}),
      execute: async () => ({ status: 'found' }),
    }),
  };
}

/** What Callwire is compared with: agents-js with nothing around it, tuned as Callwire tunes it. */
export default defineAgent({
  // The line that Callwire's processes log as well: the bench waits for it.
  prewarm: () => console.log(JSON.stringify({ level: 'info', msg: 'warm', pid: process.pid })),
  entry: async (job) => {
    await job.connect();
    const phone = await job.waitForParticipant();
    const session = new voice.AgentSession({
      llm: new openai.realtime.RealtimeModel({ modalities: ['audio'] }),
      vad: null,
      turnHandling: { turnDetection: 'realtime_llm', interruption: { enabled: true } },
      aecWarmupDuration: null,
      userAwayTimeout: null,
      maxToolSteps: 20,
    });
    session.on(voice.AgentSessionEventTypes.Close, () => job.shutdown());
    await session.start({
      agent: new voice.Agent({
        instructions: 'You are the front desk of Northwind.',
        tools: await durableTools(),
      }),
      room: job.room,
      record: false,
      inputOptions: { participantIdentity: phone.identity, textEnabled: false },
    });
    const [attribute, value] = ['sip.callStatus', 'active'];
    await waitForParticipantAttribute({
      room: job.room,
      identity: phone.identity,
      attribute,
      value,
    });
    session.generateReply({ instructions: `Say exactly: "${process.env.BENCH_GREETING}"` });
  },
});
