import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Installation } from '../installation/installation.ts';
import { concat, silence } from '../phone/speech.ts';
import { phoneVoice } from '../phone/voice.ts';
import { writeWav } from '../phone/wav.ts';
import { loadScenario } from '../realtime/scenario.ts';
import { CONTACT, SCENARIO } from './bring_up.ts';
import type { Demo } from './demo_context.ts';
import { styled } from './terminal.ts';

/** As long as the greeting takes: whoever speaks before cuts it off. */
const GREETING_MS = 5_000;

/** How people call the running demo, with a softphone and without one. */
export async function describeCallingIn(demo: Demo, installation: Installation): Promise<void> {
  const { terminal, folder, signal } = demo;
  const { number, stack } = installation;
  const { turns } = await loadScenario(SCENARIO);
  const question = join(folder, 'question.wav');
  const words = await phoneVoice()(turns[0]?.hears ?? '', signal);
  await writeFile(question, writeWav(concat(silence(GREETING_MS), words)));

  const proxy = `${stack.sip.host}:${stack.sip.port}`;
  terminal.line(`
${styled('bold', 'The number stays in service.')} Call it from this machine:

  with a softphone   sip:${number}@${proxy}, UDP or TCP, codec PCMU, no registration, no password;
                     with ${CONTACT.phone} as your own number you are ${CONTACT.name}
  without one        npm run phone -- --proxy ${proxy} --to ${number} --from ${CONTACT.phone} \\
                       --say '${question}' --record '${join(folder, 'my-call.wav')}' \\
                       --hang-up-after 20s

What happens in further calls is printed here. Ctrl-C ends everything.
`);
}
