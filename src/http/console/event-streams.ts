import type { ServerResponse } from 'node:http'
import type { Clock } from '../../messages/clock.ts'

const HEARTBEAT_MS = 15_000
/** Bytes that may wait for a reader; one that is further behind is cut off and comes again. */
const MOST_WAITING = 1_048_576
/** Milliseconds after which a page whose stream broke comes again. */
const RETRY_MS = 2_000

/** One open stream of server-sent events. */
export interface EventStream {
  /** @param event the name of the event; one line, as is the JSON of what it carries */
  send(event: string, data: unknown): void
}

/** The open streams: at the most so many, each kept alive by comments and ended with the session it belongs to. */
export class EventStreams {
  readonly #clock: Clock
  readonly #most: number
  readonly #open = new Set<() => void>()
  #isClosed = true

  constructor(clock: Clock, most: number) {
    this.#clock = clock
    this.#most = most
  }

  get takesMore(): boolean {
    return !this.#isClosed && this.#open.size < this.#most
  }

  start(): void {
    this.#isClosed = false
  }

  /**
   * Makes a stream of a response whose headers have been set.
   * @param stillAllowed asked with every heartbeat; the stream ends once it says no
   * @param closed called once, however the stream ended
   */
  open(response: ServerResponse, stillAllowed: () => boolean, closed: () => void): EventStream {
    const end = () => response.end()
    let timer = this.#clock.schedule(this.#clock.now() + HEARTBEAT_MS, () => beat())
    const beat = () => {
      if (!stillAllowed()) end()
      else response.write(': heartbeat\n\n')
      timer = this.#clock.schedule(this.#clock.now() + HEARTBEAT_MS, beat)
    }
    response.once('close', () => {
      timer.cancel()
      this.#open.delete(end)
      closed()
    })
    this.#open.add(end)
    response.write(`retry: ${RETRY_MS}\n\n`)
    return {
      send(event, data) {
        if (response.writableEnded) return
        response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
        if (response.writableLength > MOST_WAITING) response.destroy()
      },
    }
  }

  /** Ends every stream, and takes none before the next start. */
  stop(): void {
    this.#isClosed = true
    for (const end of [...this.#open]) end()
  }
}
