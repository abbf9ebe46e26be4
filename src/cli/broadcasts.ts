import type { Broadcast, BroadcastProgress } from '../router/broadcast-request.ts'
import type { Broadcasts } from '../router/broadcasts.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { table } from './routes.ts'

const MOST_FAULTS_TOLD = 20

/** Lists broadcasts, the newest first. */
export async function listBroadcasts(
  options: CommonOptions & { readonly limit: number },
  output: Output,
): Promise<number> {
  const list = await besideServer(options, ({ router }) => router.broadcasts.list({ limit: options.limit }))
  if (list.length === 0) {
    output.out('There is no broadcast.')
    return 0
  }
  const head = ['ID', 'STATE', 'RECIPIENTS', 'MADE', 'FAULTS', 'CREATED', 'NAME']
  const rows = list.map(({ id, state, recipients, expanded, faults, createdAt, name }) => [
    ...[id, state, String(recipients), String(expanded), String(faults), createdAt.toISOString(), name ?? ''],
  ])
  for (const line of table([head, ...rows])) output.out(line)
  return 0
}

/** Shows how far a broadcast has come. */
export async function showBroadcast(id: string, options: CommonOptions, output: Output): Promise<number> {
  return besideServer(options, async ({ router }) => {
    const progress = await router.broadcasts.find(id)
    if (progress === undefined) {
      output.err(`switchboard: there is no broadcast ${id}`)
      return 1
    }
    for (const line of described(progress)) output.out(line)
    await tellFaults(router.broadcasts, id, output)
    return 0
  })
}

/** Pauses, resumes or cancels a broadcast; a server does the rest, at once or when it runs again. */
export async function changeBroadcast(
  act: 'pause' | 'resume' | 'cancel',
  id: string,
  options: CommonOptions,
  output: Output,
): Promise<number> {
  const changed: Broadcast = await besideServer(options, ({ router }) => router.broadcasts[act](id))
  output.out(`${changed.id} is ${changed.state}`)
  return 0
}

/** How far it has come, in one line. */
export function progressLine(progress: BroadcastProgress): string {
  const { state, expanded, recipients } = progress
  const counts = countsOf(progress).map(([name, count]) => `${count} ${name}`)
  return [`${state}: ${expanded} of ${recipients} made into messages`, ...counts].join(', ')
}

/** Prints the first faults of a broadcast, by their places: of a file, its lines. */
export async function tellFaults(broadcasts: Broadcasts, id: string, output: Output): Promise<void> {
  const faults = await broadcasts.faults(id)
  for (const { position, error } of faults.slice(0, MOST_FAULTS_TOLD)) output.err(`line ${position}: ${error}`)
  if (faults.length > MOST_FAULTS_TOLD) output.err('there are more')
}

function countsOf(progress: BroadcastProgress): readonly (readonly [string, number])[] {
  const names = [
    'waiting',
    'sending',
    'sent',
    'delivered',
    'failed',
    'unknown',
    'cancelled',
    'debug',
    'faults',
  ] as const
  return names.map((name) => [name, progress[name]] as const).filter(([, count]) => count > 0)
}

function described(progress: BroadcastProgress): readonly string[] {
  const { id, name, tag, reason, duplicates, rate, cap, createdAt, at, endedAt } = progress
  const optional = {
    name,
    tag,
    reason,
    rate: rate === null ? null : `${rate} parts a second`,
    cap: cap === null ? null : JSON.stringify(cap),
    'not before': at?.toISOString() ?? null,
    ended: endedAt?.toISOString() ?? null,
  }
  const given = Object.entries(optional).flatMap(([what, value]) => (value === null ? [] : [`${what}: ${value}`]))
  return [id, progressLine(progress), `duplicates: ${duplicates}`, `created: ${createdAt.toISOString()}`, ...given]
}
