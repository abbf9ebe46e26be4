import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { table } from './routes.ts'

/** Lists callbacks, in the order they were made. */
export async function listCallbacks(options: CommonOptions, output: Output): Promise<number> {
  const list = await besideServer(options, ({ router }) => router.callbacks.list())
  if (list.length === 0) {
    output.out('There is no callback.')
    return 0
  }
  const head = ['ID', 'USER', 'NAME', 'FORMAT', 'BACKENDS', 'WAITING', 'DEAD', 'STATE', 'URL']
  const rows = list.map(({ id, user, name, format, backends, waiting, dead, disabledReason, url }) => [
    ...[String(id), user ?? '-', name, format, backends?.join(', ') ?? 'all', String(waiting), String(dead)],
    ...[disabledReason === null ? 'on' : `off: ${disabledReason}`, url],
  ])
  for (const line of table([head, ...rows])) output.out(line)
  return 0
}

/** Removes a callback, also one whose user the settings have no more. */
export async function removeCallback(id: number, options: CommonOptions, output: Output): Promise<number> {
  const isRemoved = await besideServer(options, ({ router }) => router.callbacks.delete(id))
  if (isRemoved) output.out(`the callback ${id} is removed`)
  else output.err(`switchboard: there is no callback ${id}`)
  return isRemoved ? 0 : 1
}

/** Lists what was given up, the newest first. */
export async function deadCallbacks(
  options: CommonOptions & { readonly callback?: number; readonly before?: number; readonly limit: number },
  output: Output,
): Promise<number> {
  const { callback, before, limit } = options
  const query = { limit, ...(callback === undefined ? {} : { callback }), ...(before === undefined ? {} : { before }) }
  const list = await besideServer(options, ({ router }) => router.callbacks.dead(query))
  if (list.length === 0) {
    output.out('Nothing was given up.')
    return 0
  }
  const head = ['EVENT', 'CALLBACK', 'NAME', 'AT', 'MESSAGE', 'TRIES', 'FAILURE']
  const rows = list.map(({ id, callback, name, at, messageId, tries, failure }) => [
    ...[id, String(callback), name, at.toISOString(), messageId, String(tries), failure ?? ''],
  ])
  for (const line of table([head, ...rows])) output.out(line)
  if (list.length === limit) output.out(`There may be more: --before ${list.at(-1)?.seq}`)
  return 0
}

/** Has what was given up told again, by a server that runs, or by the next one. */
export async function replayCallbacks(
  ids: readonly string[],
  options: CommonOptions & { readonly callback?: number },
  output: Output,
): Promise<number> {
  const { callback } = options
  const which = { ...(callback === undefined ? {} : { callback }), ...(ids.length === 0 ? {} : { ids }) }
  const replayed = await besideServer(options, ({ router }) => router.callbacks.replay(which))
  output.out(`${replayed} ${replayed === 1 ? 'event is' : 'events are'} told again`)
  return replayed === 0 && ids.length > 0 ? 1 : 0
}
