import type { MessageClass } from '../messages/lane.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'

export interface SendCommandOptions extends CommonOptions {
  readonly to: readonly string[]
  readonly text: string
  readonly backend?: string
  readonly from?: string
  readonly class: MessageClass
}

/** Records messages for the server to send. */
export async function send(options: SendCommandOptions, output: Output): Promise<number> {
  const { to, text, backend, from } = options
  const sent = await besideServer(options, ({ router }) =>
    router.send({
      to,
      text,
      class: options.class,
      ...(backend === undefined ? {} : { backend }),
      ...(from === undefined ? {} : { from }),
    }),
  )
  for (const message of sent) output.out(`${message.id} recorded for ${message.identity} over ${message.backend}`)
  return 0
}
