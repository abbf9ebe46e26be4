import type { MessageClass } from '../messages/lane.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { table } from './routes.ts'

export interface RouteCommandOptions extends CommonOptions {
  readonly to: string
  readonly module?: string
  readonly type?: string
  readonly network?: string
  readonly class: MessageClass
}

/** Tells which backend would take a message to a number, and why. */
export async function route(options: RouteCommandOptions, output: Output): Promise<number> {
  const { to, module, type, network } = options
  const { why, steps } = await besideServer(options, async ({ router }) => {
    await router.holds.pauses.read()
    return router.plan(to, {
      class: options.class,
      route: [module, type],
      ...(network === undefined ? {} : { fields: { network } }),
    })
  })
  const [first] = steps
  output.out(`${first?.identity ?? to} goes over ${first?.backend ?? 'none'}: ${why}`)
  const rows = steps.map(({ backend, identity, address, isAvailable }, index) => [
    index === 0 ? 'first' : 'then',
    backend,
    identity,
    address ?? '',
    isAvailable ? 'yes' : 'no',
  ])
  for (const line of table([['ORDER', 'BACKEND', 'IDENTITY', 'FROM', 'AVAILABLE'], ...rows])) output.out(line)
  return 0
}
