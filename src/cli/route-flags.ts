import { type Command, Option } from 'commander'
import { type MessageClass, messageClasses } from '../messages/lane.ts'

/** Gives the command `route` its flags. */
export function addRouteFlags(command: Command): Command {
  return command
    .requiredOption('--to <number>', 'whom to')
    .option('--module <name>', 'the first value of `route`')
    .option('--type <name>', 'the second value of `route`')
    .option('--network <code>', 'the network of the number, such as 63902 (default: what services have told)')
    .addOption(
      new Option('--class <class>', 'how urgent it is')
        .choices([...messageClasses])
        .default('normal' satisfies MessageClass),
    )
}
