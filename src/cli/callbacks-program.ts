import { type Command, InvalidArgumentError } from 'commander'
import type { Output } from './output.ts'

/** The commands that look after callbacks. */
export function addCallbacks(program: Command, output: Output, exit: (code: number) => void): void {
  const callbacks = program.command('callbacks').description('look after the URLs that are told of what happens')
  const command = (name: string, description: string) =>
    callbacks
      .command(name)
      .description(description)
      .option('--settings <file>', 'the settings file (default: settings.ts of this folder)')
      .option('--verbose', 'show the stack of an error')

  command('list', 'list the callbacks, what waits for them, and what was given up').action(async (options) =>
    exit(await (await import('./callbacks.ts')).listCallbacks(options, output)),
  )

  command('remove', 'remove a callback, whoever it belongs to, with what waits for it')
    .argument('<id>', 'the callback, as "list" has it', wholeNumber)
    .action(async (id, options) => exit(await (await import('./callbacks.ts')).removeCallback(id, options, output)))

  command('dead', 'list what could not be told and was given up, the newest first')
    .option('--callback <id>', 'of this callback only', wholeNumber)
    .option('--before <number>', 'the next page', wholeNumber)
    .option('--limit <number>', 'how many, 1,000 at the most', limit, 100)
    .action(async (options) => exit(await (await import('./callbacks.ts')).deadCallbacks(options, output)))

  command('replay', 'tell again what was given up')
    .argument('[event...]', 'the events, as "dead" lists them')
    .option('--callback <id>', 'all of this callback', wholeNumber)
    .option('--all', 'all there are')
    .action(async (ids, options, command: Command) => {
      const ways = [ids.length > 0, options.callback !== undefined, options.all === true].filter(Boolean).length
      if (ways !== 1) command.error('give events, --callback or --all')
      exit(await (await import('./callbacks.ts')).replayCallbacks(ids, options, output))
    })
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A whole number is expected.')
}

function limit(text: string): number {
  const number = wholeNumber(text)
  if (number <= 1_000) return number
  throw new InvalidArgumentError('A whole number from 1 to 1,000 is expected.')
}
