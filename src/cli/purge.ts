import { type Clock, sleep } from '../messages/clock.ts'
import { daysAgo } from '../router/retention.ts'
import type { Purged, PurgeRequest, Store } from '../store/store.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { StopSignal } from './stop-signal.ts'

export interface PurgeCommandOptions extends CommonOptions {
  /** Days. */
  readonly olderThan?: number
  /** Messages at a time. */
  readonly batch: number
}

const PROGRESS_MS = 1_000
const SHORTEST_PAUSE_MS = 20

/**
 * Removes old messages, until there are none or until SIGINT or SIGTERM.
 * @param wrongUsage ends the command when nothing says how old
 */
export async function purge(
  options: PurgeCommandOptions,
  output: Output,
  wrongUsage: (text: string) => never,
): Promise<number> {
  const stop = new AbortController()
  void new StopSignal().received.then(() => stop.abort())
  return besideServer(options, async ({ settings, parts: { store, clock } }) => {
    const days = options.olderThan ?? settings.retention.days
    if (days === undefined) return wrongUsage('give --older-than, such as 90d, or the setting retention.days')
    const request = { before: daysAgo(days, clock), now: clock.now(), limit: options.batch }
    const { incoming, outgoing, others, more } = await removeAll(store, request, { clock, output, stop: stop.signal })
    output.out(`${incoming} incoming and ${outgoing} outgoing messages removed, and ${others} entries beside them`)
    if (!more) return 0
    output.err('stopped before the end; called again, it goes on')
    return 1
  })
}

/**
 * Batch after batch, each followed by a pause as long as it took, so that a server beside it comes to write.
 * @returns all that was removed, and whether it was stopped before the end
 */
async function removeAll(
  store: Pick<Store, 'purge'>,
  request: PurgeRequest,
  { clock, output, stop }: { readonly clock: Clock; readonly output: Output; readonly stop: AbortSignal },
): Promise<Purged> {
  let sum: Purged = { incoming: 0, outgoing: 0, others: 0, more: true }
  let toldAt = Number.NEGATIVE_INFINITY
  while (sum.more && !stop.aborted) {
    const begunAt = performance.now()
    sum = plus(sum, await store.purge(request))
    const now = performance.now()
    if (sum.more && now - toldAt >= PROGRESS_MS) {
      toldAt = now
      output.err(`${sum.incoming + sum.outgoing} messages removed so far`)
    }
    if (sum.more) await sleep(clock, Math.max(SHORTEST_PAUSE_MS, now - begunAt), stop)
  }
  return sum
}

function plus(sum: Purged, { incoming, outgoing, others, more }: Purged): Purged {
  return {
    incoming: sum.incoming + incoming,
    outgoing: sum.outgoing + outgoing,
    others: sum.others + others,
    more,
  }
}
