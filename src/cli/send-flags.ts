import { type Command, InvalidArgumentError, Option } from 'commander'
import { type MessageClass, messageClasses } from '../messages/lane.ts'
import { optionNames } from '../router/send-checks.ts'

type Named = Readonly<Record<string, string>>

/** Gives the command `send` its flags. */
export function addSendFlags(command: Command): Command {
  return command
    .option('--to <identity...>', 'whom to: one or several numbers')
    .option('--contact <id...>', 'contacts to send to, each over the connection last heard from')
    .option('--group <name...>', 'groups to send to')
    .requiredOption('--text <text>', 'what to send')
    .option('--backend <name>', 'the backend (default: the first that can send)')
    .option('--from <address>', 'our address it leaves from')
    .option('--at <time>', 'not before this time, such as 2026-01-05T09:00:00+03:00', time)
    .option('--expires <time>', 'not after this time', time)
    .option('--tag <tag>', 'a tag to find it by')
    .option('--related-to <id>', 'what it is about')
    .option('--option <name=value>', `an option, may be repeated: ${optionNames.join(', ')}`, option, {})
    .option('--param <name=value>', 'handed to the service as it is; may be repeated', param, {})
    .option('--idempotency-key <key>', 'called again with the same key, it sends nothing again')
    .addOption(
      new Option('--class <class>', 'how urgent it is')
        .choices([...messageClasses])
        .default('normal' satisfies MessageClass),
    )
}

/** With its offset: what the clock of this machine shows is not what the sender means everywhere. */
export function time(text: string): Date {
  const isWhole = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text)
  const given = new Date(text)
  if (isWhole && Number.isFinite(given.getTime())) return given
  throw new InvalidArgumentError('A time with its offset is expected, such as 2026-01-05T09:00:00Z.')
}

function option(text: string, earlier: Named): Named {
  const [name, value] = pair(text)
  if (optionNames.includes(name)) return { ...earlier, [name]: value }
  throw new InvalidArgumentError(`There is no option "${name}"; there are ${optionNames.join(', ')}.`)
}

function param(text: string, earlier: Named): Named {
  const [name, value] = pair(text)
  return { ...earlier, [name]: value }
}

function pair(text: string): readonly [name: string, value: string] {
  const end = text.indexOf('=')
  if (end > 0) return [text.slice(0, end), text.slice(end + 1)]
  throw new InvalidArgumentError('name=value is expected.')
}
