import { InvalidInputError } from '../messages/errors.ts'
import { type MessageClass, messageClasses } from '../messages/lane.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './program.ts'

export interface SendCommandOptions extends CommonOptions {
  readonly to: readonly string[]
  readonly text: string
  readonly backend?: string
  readonly from?: string
  readonly class: string
}

/** Records messages for the server to send. */
export async function send(options: SendCommandOptions, output: Output): Promise<number> {
  const { to, text, backend, from } = options
  const messageClass = toClass(options.class)
  const sent = await besideServer(options, ({ router }) =>
    router.send({
      to,
      text,
      class: messageClass,
      ...(backend === undefined ? {} : { backend }),
      ...(from === undefined ? {} : { from }),
    }),
  )
  for (const message of sent) output.out(`${message.id} recorded for ${message.identity} over ${message.backend}`)
  return 0
}

function toClass(given: string): MessageClass {
  const known = messageClasses.find((name) => name === given)
  if (known === undefined)
    throw new InvalidInputError(`--class: ${messageClasses.join(', ')} are known, not "${given}"`)
  return known
}
