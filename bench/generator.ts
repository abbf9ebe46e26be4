import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { LoadOrder, LoadResult } from './load-order.ts'

/** The process that makes the load, as the one that gives the orders sees it. */
export class Generator {
  readonly #process: ChildProcess

  constructor() {
    this.#process = fork(new URL('./load.js', import.meta.url))
  }

  /** @throws Error when the generator ended before it could answer */
  async run(order: LoadOrder): Promise<LoadResult> {
    const child = this.#process
    const ended = new AbortController()
    const answer = once(child, 'message', { signal: ended.signal }) as Promise<[LoadResult]>
    const onExit = () => ended.abort(new Error('the load generator ended'))
    child.once('exit', onExit)
    try {
      child.send(order)
      const [result] = await answer
      return result
    } finally {
      child.off('exit', onExit)
    }
  }

  stop(): void {
    this.#process.kill()
  }
}
