import { closedLoop } from './closed-loop.ts'
import type { LoadOrder, LoadResult } from './load-order.ts'
import { openLoop } from './open-loop.ts'

/** The process that makes the load: takes orders from its parent one by one and tells what came of each. */
process.on('disconnect', () => process.exit())
process.on('message', (order: LoadOrder) => void carryOut(order))

async function carryOut(order: LoadOrder): Promise<void> {
  const cpu = process.cpuUsage()
  const result = order.kind === 'closed' ? await closedLoop(order) : await openLoop(order)
  const { user, system } = process.cpuUsage(cpu)
  process.send?.({ ...result, cpuSeconds: (user + system) / 1e6 } satisfies LoadResult)
}
