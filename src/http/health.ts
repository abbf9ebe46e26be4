import type Router from '@koa/router'
import type { Queue } from '../queue/queue.ts'
import { adviceOn } from '../router/pauses.ts'
import type { Pause } from '../store/pause-store.ts'
import type { Store } from '../store/store.ts'

const PING_LIMIT_MS = 2_000

/** What `/readyz` tells of backends: of paused ones, in words that hold nothing of what a service has said. */
export interface BackendStates {
  readonly paused: readonly Pause[]
}

/**
 * `/healthz`: alive. `/readyz`: store and queue answer; 503 names which does not. A paused backend is named too, with what
 * to do; its messages wait, and all others are worked, so that the server is ready all the same.
 */
export function health(store: Store, queue: Queue, backends: BackendStates): (router: Router) => void {
  return (router) => {
    router.get('/healthz', (ctx) => {
      ctx.body = { status: 'ok' }
    })
    router.get('/readyz', async (ctx) => {
      const state = { store: await answers(() => store.ping()), queue: await answers(() => queue.ping()) }
      const ready = state.store === 'ok' && state.queue === 'ok'
      ctx.status = ready ? 200 : 503
      const { paused } = backends
      const notices = paused.map(
        (pause) => `the backend "${pause.backend}" is paused (${pause.cause}): ${adviceOn(pause)}`,
      )
      ctx.body = { status: ready ? 'ok' : 'unavailable', ...state, ...(notices.length === 0 ? {} : { notices }) }
    })
  }
}

async function answers(ask: () => Promise<unknown>): Promise<'ok' | 'unavailable'> {
  let timer: NodeJS.Timeout | undefined
  const timeIsUp = new Promise<'unavailable'>((resolve) => {
    timer = setTimeout(() => resolve('unavailable'), PING_LIMIT_MS)
  })
  try {
    return await Promise.race([ask().then(() => 'ok' as const), timeIsUp])
  } catch {
    return 'unavailable'
  } finally {
    clearTimeout(timer)
  }
}
