import { parentPort, workerData } from 'node:worker_threads'
import { SqliteStore } from './sqlite-store.ts'
import {
  type Call,
  type FromThread,
  packed,
  type Reply,
  type ThreadOptions,
  toRecord,
  unpacked,
} from './thread-messages.ts'

/**
 * The program of the store's thread. All the calls that came in one message reach the store in one turn of this
 * thread's loop and so share a commit; their outcomes go back together.
 */
function serve(port: NonNullable<typeof parentPort>, { file }: ThreadOptions): void {
  const store = new SqliteStore({ file, role: 'server' })
  let replies: Reply[] = []

  const say = (message: FromThread) => port.postMessage(JSON.stringify(message))

  const reply = (one: Reply) => {
    replies.push(one)
    if (replies.length > 1) return
    // Runs when the promises of this turn have all been answered.
    process.nextTick(() => {
      const gathered = replies
      replies = []
      say({ replies: gathered })
    })
  }

  const run = async ([number, target, method, args]: Call) => {
    try {
      const room: unknown = target === 'store' ? store : store[target]
      const result: unknown = await callMethod(room, method, args.map(unpacked))
      reply([number, 'result', packed(result)])
    } catch (error) {
      reply([number, 'error', toRecord(error)])
    }
  }

  port.on('message', (message: string) => {
    if (message === 'watch') store.watch((lanes) => say({ lanes }))
    else for (const call of JSON.parse(message) as Call[]) void run(call)
  })
}

function callMethod(room: unknown, method: string, args: readonly unknown[]): unknown {
  const called: unknown = Reflect.get(Object(room), method)
  if (typeof called !== 'function') throw new TypeError(`the store has no method ${method}`)
  return Reflect.apply(called, room, args)
}

if (parentPort !== null) serve(parentPort, workerData as ThreadOptions)
