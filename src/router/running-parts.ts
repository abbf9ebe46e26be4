import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { App } from './app.ts'
import type { Backend, SendTools } from './backend.ts'
import { NotRunningError } from './errors.ts'
import { stopPart } from './stop-part.ts'

export interface RunningPartsOptions {
  readonly apps: readonly App[]
  readonly backends: ReadonlyMap<string, Backend>
  readonly clock: Clock
  readonly logger: Logger
  readonly toolsOf: (backend: Backend, signal: AbortSignal) => SendTools<unknown>
}

/** The apps and backends that have been started, in their order. */
export class RunningParts {
  readonly #options: RunningPartsOptions
  readonly #started: (App | Backend)[] = []

  constructor(options: RunningPartsOptions) {
    this.#options = options
  }

  /**
   * @param signal aborted when the switchboard is stopped meanwhile
   * @throws whatever an app or a backend throws; NotRunningError by the signal
   */
  async start(signal: AbortSignal): Promise<void> {
    const { apps, backends, logger, toolsOf } = this.#options
    for (const app of apps) {
      await app.start?.({ logger })
      this.#started.push(app)
      refuseWhenStopped(signal)
    }
    for (const backend of backends.values()) {
      await backend.start?.(toolsOf(backend, signal))
      this.#started.push(backend)
      refuseWhenStopped(signal)
    }
  }

  /** In the reverse order of their start. @param deadline milliseconds since 1970 */
  async stop(deadline: number): Promise<void> {
    const { clock, logger } = this.#options
    for (const part of this.#started.splice(0).reverse()) await stopPart(part, deadline, clock, logger)
  }
}

/** @throws NotRunningError */
export function refuseWhenStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new NotRunningError('The switchboard was stopped while it started.')
}
