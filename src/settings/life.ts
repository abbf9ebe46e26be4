import type { HttpPool } from '../backends/http-client.ts'
import { NotRunningError } from '../router/errors.ts'
import type { Router } from '../router/router.ts'
import type { Store } from '../store/store.ts'

export interface LifeParts {
  readonly store: Store
  readonly transport: { open(): Promise<void>; close(): void }
  readonly router: Router
  readonly retention: { start(): void; stop(): Promise<void> }
  readonly http: HttpPool
  readonly pages: { start(): void; stop(): void } | undefined
  /** What else answers requests and has something to open. */
  readonly services: readonly { start(): Promise<void>; stop(): void }[]
  /** Milliseconds that a stop waits for what is in hand. */
  readonly drain: number
}

/** The start and the stop of all parts together. Each is under way once at a time: who asks again waits for the same. */
export class Life {
  readonly #parts: LifeParts
  #opening: Promise<unknown> = Promise.resolve()
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(parts: LifeParts) {
    this.#parts = parts
  }

  /** @throws NotRunningError while it stops, or when it is stopped before it has started */
  start(): Promise<void> {
    if (this.#stopping !== undefined) return Promise.reject(new NotRunningError('The switchboard is stopping.'))
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  async #start(): Promise<void> {
    const { store, transport, router, retention, pages, services } = this.#parts
    this.#opening = store.open()
    await this.#opening
    try {
      await transport.open()
      if (this.#stopping !== undefined) throw new NotRunningError('The switchboard was stopped while it started.')
      await Promise.all(services.map((service) => service.start()))
      await router.start()
      retention.start()
    } catch (error) {
      for (const service of services) service.stop()
      await store.close()
      transport.close()
      throw error
    }
    if (this.#stopping === undefined) pages?.start()
  }

  async #stop(): Promise<void> {
    const { store, transport, router, retention, http, pages, services, drain } = this.#parts
    pages?.stop()
    await Promise.all([router.stop(drain), retention.stop()])
    await http.close()
    for (const service of services) service.stop()
    // Closed before it has opened, the store would be left open.
    await this.#opening.catch(() => undefined)
    await store.close()
    transport.close()
  }
}
