import { defineAgent, voice, waitForParticipantAttribute } from '@livekit/agents';
import * as openai from '@livekit/agents-plugin-openai';

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
    });
    session.on(voice.AgentSessionEventTypes.Close, () => job.shutdown());
    await session.start({
      agent: new voice.Agent({ instructions: 'You are the front desk of Northwind.' }),
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
