import type Router from '@koa/router'
import type { Queue } from '../queue/queue.ts'
import type { Store } from '../store/store.ts'

const PING_LIMIT_MS = 2_000

/** `/healthz`: alive. `/readyz`: store and queue answer; 503 names which does not. */
export function health(store: Store, queue: Queue): (router: Router) => void {
  return (router) => {
    router.get('/healthz', (ctx) => {
      ctx.body = { status: 'ok' }
    })
    router.get('/readyz', async (ctx) => {
      const state = { store: await answers(() => store.ping()), queue: await answers(() => queue.ping()) }
      const ready = state.store === 'ok' && state.queue === 'ok'
      ctx.status = ready ? 200 : 503
      ctx.body = { status: ready ? 'ok' : 'unavailable', ...state }
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
