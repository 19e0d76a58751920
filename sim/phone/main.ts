import { Command } from 'commander';
import { answerCommand } from './answer_command.ts';
import { dialCommand } from './dial_command.ts';

/*
 * npm run phone -- --to +15550100000          (the same as: dial --to …)
 * npm run phone -- answer --port 5070
 */
const dial = dialCommand();
const program = new Command('phone')
  .description('A SIP phone for the terminal: places a call, or waits for calls.')
  .addCommand(dial, { isDefault: true })
  .addCommand(answerCommand())
  .addHelpText('after', () => `\nWithout a command it dials:\n\n${dial.helpInformation()}`);

await program.parseAsync();
