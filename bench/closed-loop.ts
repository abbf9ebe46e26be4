import { Connection } from './connection.ts'
import type { ClosedOrder, LoopResult } from './load-order.ts'
import { Times } from './percentiles.ts'
import { requestPool } from './requests.ts'

/** Keeps every connection busy until the time is up, and takes the answers that are still on their way. */
export function closedLoop({ port, path, connections, seconds, people, spread }: ClosedOrder): Promise<LoopResult> {
  const pool = requestPool(path, people, spread)
  const latency = new Times()
  const refused: Record<number, number> = {}
  let next = 0
  let busy = connections

  return new Promise((resolve) => {
    const began = performance.now()
    const end = began + seconds * 1000
    const send = (connection: Connection, now: number) => {
      connection.due = now
      connection.send(pool[next++ % pool.length] ?? Buffer.alloc(0))
    }
    const onAnswer = (connection: Connection, status: number) => {
      const now = performance.now()
      if (status === 200) latency.add(now - connection.due)
      else refused[status] = (refused[status] ?? 0) + 1
      if (now < end) return send(connection, now)
      connection.close()
      if (--busy > 0) return
      const summary = latency.summary()
      resolve({ accepted: summary.count, refused, seconds: (now - began) / 1000, latency: summary })
    }
    for (let index = 0; index < connections; index++) send(new Connection(port, onAnswer), began)
  })
}
