import { type Command, InvalidArgumentError, Option } from 'commander'
import { type MessageClass, messageClasses } from '../messages/lane.ts'
import { csvEncodings } from '../router/csv-records.ts'
import type { Output } from './output.ts'
import { time } from './send-flags.ts'

type MakeCommand = (program: Command, name: string, description: string) => Command

/** The commands that send to very many, and look after it. */
export function addBroadcasts(program: Command, output: Output, exit: (code: number) => void): void {
  const make: MakeCommand = (parent, name, description) =>
    parent
      .command(name)
      .description(description)
      .option('--settings <file>', 'the settings file (default: settings.ts of this folder)')
      .option('--verbose', 'show the stack of an error')

  addFlags(make(program, 'broadcast', 'send a text to everybody of a file'))
    .argument('<file>', 'a number in each line, or CSV with a header; - is the standard input')
    .action(async (file, options, command: Command) => {
      if ((options.text === undefined) === (options.template === undefined)) command.error('give --text or --template')
      const wrongUsage = (text: string) => command.error(text)
      exit(await (await import('./broadcast.ts')).broadcast(file, options, output, wrongUsage))
    })
  addKeeping(program, make, output, exit)
}

function addFlags(command: Command): Command {
  return command
    .option('--text <text>', 'what to send; {{ name }} stands for the column "name"')
    .option('--template <slug>', 'the template to send instead; it is filled with the columns')
    .option('--column <name>', 'the column of the numbers (default: number, phone, msisdn, ..., else the first)')
    .addOption(
      new Option('--encoding <name>', 'of the file (default: utf-8, or what it says)').choices([...csvEncodings]),
    )
    .option('--backend <name>', 'the backend (default: as for single messages)')
    .option('--from <address>', 'our address it leaves from')
    .option('--rate <number>', 'message parts in a second, at the most', positive)
    .option('--cap <number>', 'stop after so many messages', positive)
    .option('--cap-cost <number>', 'stop when they have cost so much', positive)
    .option('--strict', 'send nothing when a single line is bad')
    .option('--at <time>', 'not before this time, such as 2026-01-05T09:00:00+03:00', time)
    .option('--expires <time>', 'not after this time', time)
    .option('--tag <tag>', 'a tag to find its messages by')
    .option('--name <name>', 'what it is called in lists')
    .option('--idempotency-key <key>', 'called again with the same key, it sends nothing again')
    .option('--wait', 'wait until all of it is settled')
    .addOption(
      new Option('--class <class>', 'how urgent it is')
        .choices([...messageClasses])
        .default('bulk' satisfies MessageClass),
    )
}

function addKeeping(program: Command, make: MakeCommand, output: Output, exit: (code: number) => void): void {
  const broadcasts = program.command('broadcasts').description('look after broadcasts')

  make(broadcasts, 'list', 'list broadcasts, the newest first')
    .option('--limit <number>', 'how many, 1,000 at the most', positive, 20)
    .action(async (options) => exit(await (await import('./broadcasts.ts')).listBroadcasts(options, output)))

  make(broadcasts, 'show', 'show how far a broadcast has come, and its faults')
    .argument('<id>', 'which one')
    .action(async (id, options) => exit(await (await import('./broadcasts.ts')).showBroadcast(id, options, output)))

  for (const [act, description] of [
    ['pause', 'send nothing more of a broadcast until it is resumed'],
    ['resume', 'send on'],
    ['cancel', 'send nothing more of a broadcast, for good'],
  ] as const) {
    make(broadcasts, act, description)
      .argument('<id>', 'which one')
      .action(async (id, options) =>
        exit(await (await import('./broadcasts.ts')).changeBroadcast(act, id, options, output)),
      )
  }
}

function positive(text: string): number {
  const number = Number(text)
  if (/^\d{1,12}(\.\d{1,6})?$/.test(text) && number > 0) return number
  throw new InvalidArgumentError('A number greater than 0 is expected.')
}
