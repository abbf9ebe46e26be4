import type { MessageClass } from '../messages/lane.ts'
import type { SendOptions } from '../messages/outgoing.ts'
import type { Recipient, SendRequest } from '../router/send-request.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { wrongTime } from './wrong-time.ts'

type Named = Readonly<Record<string, string>>

export interface SendCommandOptions extends CommonOptions {
  readonly to?: readonly string[]
  readonly contact?: readonly string[]
  readonly group?: readonly string[]
  readonly text: string
  readonly backend?: string
  readonly from?: string
  readonly at?: Date
  readonly expires?: Date
  readonly tag?: string
  readonly relatedTo?: string
  readonly option: Named
  readonly param: Named
  readonly idempotencyKey?: string
  readonly class: MessageClass
}

/**
 * Records messages for the server to send.
 * @param wrongUsage told what is wrong with the flags; ends the command
 */
export async function send(
  options: SendCommandOptions,
  output: Output,
  wrongUsage: (text: string) => never,
): Promise<number> {
  const to = recipientsOf(options)
  if (to.length === 0) wrongUsage("error: give whom to send to: '--to', '--contact' or '--group'")
  const { settings: _, verbose: __, to: ___, contact, group, option, param, ...rest } = options
  const request: SendRequest = { ...rest, to, options: sendOptionsOf(option), params: param }
  const sent = await besideServer(options, ({ router }) => router.submit(request)).catch((error: unknown) =>
    wrongTime(error, wrongUsage),
  )
  const done = sent.isRepeat ? 'recorded before' : 'recorded'
  for (const { id, backend, identity } of sent.messages) output.out(`${id} ${done} for ${identity} over ${backend}`)
  for (const { contact, connection, reason } of sent.leftOut)
    output.err(`switchboard: left out: ${contact ?? connection?.identity ?? 'somebody'} ${reason}`)
  if (sent.messages.length > 0 || sent.leftOut.length > 0) return 0
  output.err('switchboard: nobody is in the groups: nothing is sent')
  return 1
}

function recipientsOf({ to = [], contact = [], group = [] }: SendCommandOptions): readonly Recipient[] {
  return [...to, ...contact.map((id) => ({ contact: id })), ...group.map((name) => ({ group: name }))]
}

/** What is no such value is left as it is, so that the router says what is expected. */
function sendOptionsOf(given: Named): SendOptions {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, typedValue(name, value)]))
}

function typedValue(name: string, value: string): unknown {
  if (name === 'senderId') return value
  if (value === 'true' || value === 'false') return value === 'true'
  return /^\d{1,9}$/.test(value) ? Number(value) : value
}
