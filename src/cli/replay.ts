import type { LoggedMessage, MessageLog } from '../store/store.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { table } from './routes.ts'

export interface ReplayCommandOptions extends CommonOptions {
  readonly all?: boolean
  readonly in?: boolean
  readonly out?: boolean
  readonly backend?: string
}

const MOST_LISTED = 100
const PAGE = 1_000

/** Lists failed messages, or opens them again. */
export async function replay(ids: readonly string[], options: ReplayCommandOptions, output: Output): Promise<number> {
  return besideServer(options, async ({ router, parts: { store } }) => {
    if (ids.length === 0 && options.all !== true) return list(await failed(store.log, options, MOST_LISTED), output)
    let count = await router.replay(ids)
    if (options.all === true) {
      for (;;) {
        const page = await failed(store.log, options, PAGE)
        const opened = await router.replay(page.map(({ id }) => id))
        count += opened
        if (opened === 0) break
      }
    }
    output.out(`${count} ${count === 1 ? 'message is' : 'messages are'} worked again`)
    return count === 0 && ids.length > 0 ? 1 : 0
  })
}

async function failed(
  log: MessageLog,
  options: ReplayCommandOptions,
  limit: number,
): Promise<readonly LoggedMessage[]> {
  const both = options.in !== true && options.out !== true
  const of = (direction: 'in' | 'out') =>
    log.failed({ direction, limit, ...(options.backend === undefined ? {} : { backend: options.backend }) })
  return [
    ...(both || options.in === true ? await of('in') : []),
    ...(both || options.out === true ? await of('out') : []),
  ]
}

function list(messages: readonly LoggedMessage[], output: Output): number {
  if (messages.length === 0) {
    output.out('No message has failed.')
    return 0
  }
  const rows = messages.map((message) => [
    message.id,
    message.direction,
    message.backend,
    message.identity,
    new Date(message.at).toISOString(),
    (message.error ?? '').split('\n')[0] ?? '',
  ])
  for (const line of table([['ID', 'DIRECTION', 'BACKEND', 'IDENTITY', 'AT', 'ERROR'], ...rows])) output.out(line)
  output.out('Give ids, or --all, to work them again.')
  return 0
}
