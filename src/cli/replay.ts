import type { Router } from '../router/router.ts'
import type { FailedQuery, LoggedMessage, MessageLog } from '../store/message-log.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { table } from './routes.ts'

export interface ReplayCommandOptions extends CommonOptions {
  readonly all?: boolean
  readonly unknown?: boolean
  readonly silent?: boolean
  readonly in?: boolean
  readonly out?: boolean
  readonly backend?: string
}

const MOST_LISTED = 100
const PAGE = 1_000

/** Lists failed messages, or those whose outcome is not known, or opens them again. */
export async function replay(ids: readonly string[], options: ReplayCommandOptions, output: Output): Promise<number> {
  return besideServer(options, async ({ router, parts: { store } }) => {
    if (ids.length === 0 && options.all !== true)
      return list(store.log, await newest(store.log, options), options, output)
    const { silent = false } = options
    const working = { replay: (which: readonly string[]) => router.replay(which, { silent }) }
    let count = await working.replay(ids)
    if (options.all === true) {
      for (const query of queries(options)) count += await replayAll(store.log, working, query, PAGE)
    }
    output.out(`${count} ${count === 1 ? 'message is' : 'messages are'} worked again`)
    if (count > 0 || ids.length === 0) return 0
    output.err('switchboard: none of these is a message that has failed; "switchboard replay" lists those that have')
    return 1
  })
}

/**
 * Opens all that a query finds, each once: from the newest downwards, so that what fails again meanwhile, at its old
 * place, is not met a second time.
 * @param page how many at a time
 * @returns how many there were
 */
export async function replayAll(
  log: MessageLog,
  router: { replay(ids: readonly string[]): ReturnType<Router['replay']> },
  query: Omit<FailedQuery, 'limit' | 'before'>,
  page: number,
): Promise<number> {
  let count = 0
  let before: number | undefined
  for (;;) {
    const messages = await log.failed({ ...query, limit: page, ...(before === undefined ? {} : { before }) })
    count += await router.replay(messages.map(({ id }) => id))
    before = messages.at(-1)?.seq
    if (messages.length < page) return count
  }
}

function queries({ unknown = false, ...options }: ReplayCommandOptions): readonly Omit<FailedQuery, 'limit'>[] {
  const both = options.in !== true && options.out !== true && options.silent !== true
  const backend = options.backend === undefined ? {} : { backend: options.backend }
  return [
    ...(both || options.in === true || options.silent === true
      ? [{ direction: 'in', unknown, ...backend } as const]
      : []),
    ...(both || options.out === true ? [{ direction: 'out', unknown, ...backend } as const] : []),
  ]
}

async function newest(log: MessageLog, options: ReplayCommandOptions): Promise<readonly LoggedMessage[]> {
  const lists = queries(options).map((query) => log.failed({ ...query, limit: MOST_LISTED }))
  return (await Promise.all(lists)).flat()
}

/** The backends of messages that moved from one to another, in their order. */
async function pathsOf(log: MessageLog, messages: readonly LoggedMessage[]): Promise<ReadonlyMap<string, string>> {
  const paths = new Map<string, string>()
  for (const { id, direction } of messages) {
    const backends = direction === 'in' ? [] : (await log.attempts(id)).map(({ backend }) => backend)
    if (new Set(backends).size > 1) paths.set(id, [...new Set(backends)].join(' > '))
  }
  return paths
}

async function list(
  log: MessageLog,
  messages: readonly LoggedMessage[],
  { unknown = false }: ReplayCommandOptions,
  output: Output,
): Promise<number> {
  if (messages.length === 0) {
    output.out(unknown ? 'No message is left UNKNOWN.' : 'No message has failed.')
    return 0
  }
  const paths = await pathsOf(log, messages)
  const rows = messages.map((message) => [
    message.id,
    message.direction,
    paths.get(message.id) ?? message.backend,
    message.identity,
    new Date(message.at).toISOString(),
    (message.error ?? '').split('\n')[0] ?? '',
  ])
  for (const line of table([['ID', 'DIRECTION', 'BACKEND', 'IDENTITY', 'AT', 'ERROR'], ...rows])) output.out(line)
  output.out(
    unknown
      ? 'Their services may have them: give the ids of those to send again.'
      : 'Give ids, or --all, to work them again.',
  )
  return 0
}
