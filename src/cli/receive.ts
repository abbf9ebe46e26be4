import { InvalidInputError } from '../messages/errors.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'

export interface ReceiveCommandOptions extends CommonOptions {
  readonly identity: string
  readonly text: string
  readonly backend?: string
  readonly address?: string
}

/** Records an incoming message, as if a person had sent it, for the server to process. */
export async function receive(options: ReceiveCommandOptions, output: Output): Promise<number> {
  const { identity, text, address } = options
  const { id } = await besideServer(options, ({ router }) => {
    const [first] = router.backends.keys()
    const backend = options.backend ?? first ?? ''
    if (!router.backends.has(backend)) {
      throw new InvalidInputError(
        `--backend: there is no "${backend}"; there are ${[...router.backends.keys()].join(', ')}`,
      )
    }
    return router.receive(backend, { identity, text, ...(address === undefined ? {} : { address }) })
  })
  output.out(`${id} recorded`)
  return 0
}
