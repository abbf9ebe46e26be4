import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { errorText } from '../messages/errors.ts'
import { version } from '../messages/version.ts'
import { type Group, trafficGroups } from '../router/traffic-groups.ts'
import { roles } from '../settings/roles.ts'
import { addBroadcasts } from './broadcast-program.ts'
import { addCallbacks } from './callbacks-program.ts'
import { addContacts } from './contacts-program.ts'
import type { Output } from './output.ts'
import { proxyFlags } from './proxy-flags.ts'
import { addRouteFlags } from './route-flags.ts'
import { addSendFlags } from './send-flags.ts'
import { addTemplates } from './templates-program.ts'

const DONE = 0
const FAILED = 1
const WRONG_USAGE = 2
/** More would keep a server that works the same file from recording for too long. */
const MOST_IN_A_BATCH = 10_000

/**
 * Runs the command.
 * @param args without the names of node and the script
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage
 */
export async function run(args: readonly string[], output: Output): Promise<number> {
  let code = DONE
  const program = createProgram(output, (result) => {
    code = result
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : WRONG_USAGE
    output.err(`switchboard: ${errorText(error)}`)
    if (args.includes('--verbose')) for (const line of stacksOf(error)) output.err(line)
    return FAILED
  }
}

function createProgram(output: Output, exit: (code: number) => void): Command {
  const program = new Command('switchboard')
    .description('Applications that talk to people over SMS and USSD')
    .version(version())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.out(text.trimEnd()),
      writeErr: (text) => output.err(text.trimEnd()),
      outputError: (text, write) => write(usageLine(text)),
    })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong usage. Settings: settings.ts of this folder, or --settings FILE.',
    )

  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option('--settings <file>', 'the settings file (default: settings.ts of this folder)')
      .option('--verbose', 'show the stack of an error')

  command('start', 'serve: take messages, work them, send')
    .addOption(
      new Option('--role <role>', 'take requests and work them, or one of both; several share one PostgreSQL and Redis')
        .choices(roles)
        .default('all'),
    )
    .option('--port <number>', 'the port to serve on; 0 takes a free one', wholeNumber)
    .option('--host <address>', 'the address to serve on')
    .action(async (options) => exit(await (await import('./start.ts')).start(options, output)))

  command('migrate', 'bring the database up to this version').action(async (options) =>
    exit(await (await import('./migrate.ts')).migrate(options, output)),
  )

  command('routes', 'print the table of routes').action(async (options) =>
    exit(await (await import('./routes.ts')).routes(options, output)),
  )

  addRouteFlags(command('route', 'tell which backend would take a message to a number, and why')).action(
    async (options) => exit(await (await import('./route.ts')).route(options, output)),
  )

  addSendFlags(command('send', 'send a message')).action(async (options, command: Command) => {
    const wrongUsage = (text: string) => command.error(text)
    exit(await (await import('./send.ts')).send(options, output, wrongUsage))
  })

  command('receive', 'take a message as if a person had sent it')
    .requiredOption('--identity <identity>', 'who sends it')
    .requiredOption('--text <text>', 'what is sent')
    .option('--backend <name>', 'the backend it comes in by (default: the first)')
    .option('--address <address>', 'our address it is sent to')
    .action(async (options) => exit(await (await import('./receive.ts')).receive(options, output)))

  command('backends', 'list the backends: which of them send, why the others do not, how many messages wait').action(
    async (options) => exit(await (await import('./backends.ts')).backends(options, output)),
  )

  command('pause', 'send nothing over a backend until it is resumed; its messages wait')
    .argument('<backend>', 'its name in the settings')
    .option('--reason <text>', 'why, for who looks later')
    .action(async (backend, options) => exit(await (await import('./pause.ts')).pause(backend, options, output)))

  command('resume', 'send over a backend again')
    .argument('<backend>', 'its name in the settings')
    .action(async (backend, options) => exit(await (await import('./pause.ts')).resume(backend, options, output)))

  command('report', 'count what was sent, and what it cost')
    .option('--month <month>', 'this month only, such as 2026-11 (default: all months)', month)
    .option('--by <groups>', 'what to tell apart: network, tag, backend, country', groups, ['network', 'tag'])
    .option('--csv', 'as comma-separated values')
    .action(async (options) => exit(await (await import('./report.ts')).report(options, output)))

  command('replay', 'work failed messages again')
    .argument('[id...]', 'the messages; without any, the failed ones are listed')
    .option('--all', 'all failed messages')
    .option('--unknown', 'outgoing messages in UNKNOWN instead of failed ones')
    .option('--silent', 'incoming messages only, whose responses are not sent')
    .option('--in', 'incoming messages only')
    .option('--out', 'outgoing messages only')
    .option('--backend <name>', 'of this backend only')
    .action(async (ids, options, command: Command) => {
      if (ids.length > 0 && options.all === true) command.error('give ids or --all, not both')
      const isOutgoing = options.out === true || options.unknown === true
      if (options.silent === true && isOutgoing) command.error('--silent is for incoming messages')
      exit(await (await import('./replay.ts')).replay(ids, options, output))
    })

  command('check-states', 'ask services what became of messages; for cron').action(async (options) =>
    exit(await (await import('./check-states.ts')).checkStates(options, output)),
  )

  command('purge', 'remove old messages that are finished')
    .option('--older-than <days>', 'how old, such as 90d (default: the setting retention.days)', days)
    .option('--batch <number>', 'messages to remove at a time', batchSize, 500)
    .action(async (options, command: Command) => {
      const wrongUsage = (text: string) => command.error(text)
      exit(await (await import('./purge.ts')).purge(options, output, wrongUsage))
    })

  program
    .command('hash-password')
    .description('print the hash of a password that is read from standard input, for the setting http.users')
    .option('--key', 'make a key for a program instead, and print it and its hash')
    .option('--verbose', 'show the stack of an error')
    .action(async (options) => exit(await (await import('./hash-password.ts')).hashPasswordCommand(options, output)))

  addContacts(program, output, exit)
  addTemplates(program, output, exit)
  addBroadcasts(program, output, exit)
  addCallbacks(program, output, exit)
  addProxy(program, output, exit)

  return program
}

/** Beside the other commands it has no settings file: its flags and variables are its settings. */
function addProxy(program: Command, output: Output, exit: (code: number) => void): void {
  const command = program
    .command('proxy')
    .description('serve the public proxy: a form of a web page sends a text')
    .option('--verbose', 'show the stack of an error')
  for (const option of proxyFlags((message) => command.error(message))) command.addOption(option)
  command
    .addHelpText(
      'after',
      '\nEach is read from the environment too, in capitals: SENDER. NEXMO_API_SECRET and REDIS_PASSWORD\nare read from there alone, since everybody can read the arguments of a process.',
    )
    .action(async (flags) => exit(await (await import('./proxy.ts')).proxy(flags, output)))
}

/** One line of what may be several: `error: unknown option '--prot'` and, below it, `(Did you mean --port?)`. */
function usageLine(text: string): string {
  const line = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\.?\s*\n\s*/g, ' ')
    .replace(/\.$/, '')
  return `switchboard: ${line}; --help shows how it is used\n`
}

function wholeNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('A whole number is expected.')
  return Number(text)
}

function month(text: string): string {
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return text
  throw new InvalidArgumentError('A month is expected, such as 2026-11.')
}

function groups(text: string): readonly Group[] {
  const names = text.split(',').map((name) => name.trim())
  const known = names.flatMap((name) => trafficGroups.find((group) => group === name) ?? [])
  if (known.length === names.length) return [...new Set(known)]
  throw new InvalidArgumentError(`Some of ${trafficGroups.join(', ')} are expected, with commas between them.`)
}

function days(text: string): number {
  const [, number] = /^(\d{1,5})d$/.exec(text) ?? []
  if (Number(number) > 0) return Number(number)
  throw new InvalidArgumentError('A number of days is expected, such as 90d.')
}

function batchSize(text: string): number {
  const number = wholeNumber(text)
  if (number >= 1 && number <= MOST_IN_A_BATCH) return number
  throw new InvalidArgumentError(`A whole number from 1 to ${MOST_IN_A_BATCH} is expected.`)
}

/** The stack of an error, and of what caused it. */
function stacksOf(error: unknown): string[] {
  const stacks: string[] = []
  for (let each = error; each instanceof Error; each = each.cause) stacks.push(each.stack ?? each.message)
  return stacks.map((stack, depth) => (depth === 0 ? stack : `caused by ${stack}`))
}
