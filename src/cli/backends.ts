import type { Backend } from '../router/backend.ts'
import { CIRCUITS } from '../router/circuits.ts'
import { dayOf } from '../router/daily-caps.ts'
import { adviceOn } from '../router/pauses.ts'
import type { Switchboard } from '../settings/switchboard.ts'
import type { Pause } from '../store/pause-store.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { table } from './routes.ts'

/** How one backend stands. */
interface Standing {
  readonly state: string
  readonly since?: number
  readonly why?: string
}

/** Lists the backends: whether they send, since when and why not, and how many messages wait. */
export async function backends(options: CommonOptions, output: Output): Promise<number> {
  return besideServer(options, async (switchboard) => {
    const { store } = switchboard.parts
    const waiting = await store.waiting.counts()
    const pauses = new Map((await store.pauses.all()).map((pause) => [pause.backend, pause]))
    const rows: string[][] = []
    const advice: string[] = []
    for (const backend of switchboard.router.backends.values()) {
      const pause = pauses.get(backend.name)
      const { state, since, why = '' } = await standingOf(backend, pause, switchboard)
      const at = since === undefined ? '' : new Date(since).toISOString()
      rows.push([backend.name, backend.kind, state, at, String(waiting[backend.name] ?? 0), firstLine(why)])
      if (pause !== undefined) advice.push(`${backend.name}: ${adviceOn(pause)}`)
    }
    for (const line of table([['BACKEND', 'KIND', 'STATE', 'SINCE', 'WAITING', 'WHY'], ...rows])) output.out(line)
    for (const line of advice) output.out(line)
    return 0
  })
}

async function standingOf(backend: Backend, pause: Pause | undefined, { parts }: Switchboard): Promise<Standing> {
  if (backend.send === undefined) return { state: 'receives only' }
  if (pause !== undefined) return { state: 'paused', since: pause.since, why: `${pause.cause}: ${pause.reason}` }
  const circuit = circuitOf(await parts.store.memory.get(CIRCUITS, backend.name), parts.clock.now())
  if (circuit !== undefined) return { state: 'circuit open', ...circuit }
  const reached = await reachedCap(backend, parts)
  return reached === undefined ? { state: 'running' } : { state: 'capped', why: reached }
}

/** What a server has noted of its circuit; undefined when that is over, or was written by somebody else. */
function circuitOf(noted: unknown, now: number): { readonly since: number; readonly why: string } | undefined {
  if (typeof noted !== 'object' || noted === null) return undefined
  const { since, until, error } = noted as Readonly<Record<string, unknown>>
  if (typeof since !== 'number' || typeof until !== 'number' || until < now) return undefined
  return { since, why: String(error) }
}

async function reachedCap({ name, common }: Backend, { store, clock, settings }: Switchboard['parts']) {
  const { dailyCap } = common.sending
  if (dailyCap === undefined) return undefined
  const { messages, parts, cost } = dailyCap
  const { cap, endsAt } = dayOf(name, { limits: { messages, parts, cost } }, clock.now(), settings.timeZone)
  const used = await store.usage.get(cap.name)
  const isOver = (['messages', 'parts', 'cost'] as const).some((key) => used[key] >= (dailyCap[key] ?? Infinity))
  return isOver ? `the daily cap is reached until ${new Date(endsAt).toISOString()}` : undefined
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
