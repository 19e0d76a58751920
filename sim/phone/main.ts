import { Command } from 'commander';
import { answerCommand } from './answer_command.ts';
import { dialCommand } from './dial_command.ts';

/*
 * npm run phone -- --to +15550100000          (the same as: dial --to …)
 * npm run phone -- answer --port 5070
 */
const program = new Command('phone')
  .description('A SIP phone for the terminal: places calls, or waits for them.')
  .addCommand(dialCommand(), { isDefault: true })
  .addCommand(answerCommand())
  .showHelpAfterError()
  .addHelpText(
    'after',
    '\nWithout a command it dials. The options of each: npm run phone -- dial --help',
  );

await program.parseAsync();
