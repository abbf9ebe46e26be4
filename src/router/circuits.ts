import type { Clock } from '../messages/clock.ts'
import { errorText } from '../messages/errors.ts'
import type { Logger } from '../messages/logger.ts'
import type { MemoryStore } from '../store/memory-store.ts'
import type { Backend, CircuitSettings } from './backend.ts'
import { ConnectionError, ProviderError, ServerError } from './errors.ts'
import { probeDelay } from './pauses.ts'

export interface CircuitsParts {
  readonly store: { readonly memory: Pick<MemoryStore, 'put'> }
  readonly backends: ReadonlyMap<string, Backend>
  readonly clock: Clock
  readonly logger: Logger
}

/** A service that has failed time after time. */
export interface OpenCircuit {
  /** Milliseconds since 1970. */
  readonly since: number
  /** When the next message is tried. */
  readonly probeAt: number
  readonly error: string
}

interface Row {
  failures: number
  /** When the first attempt of the row began. */
  readonly since: number
  error: unknown
  /** The error of this turn of the loop: all messages of one request fail with it, which is one failure. */
  counted: unknown
  probes: number
  open: OpenCircuit | undefined
}

/** Where open circuits are told for who asks beside this process, under the backend's name. */
export const CIRCUITS = 'switchboard:circuits'

/**
 * Services that fail time after time: their circuit is open, and their messages wait while one is tried now and then,
 * instead of each running into its time limit. Each process judges by its own attempts.
 */
export class Circuits {
  readonly #parts: CircuitsParts
  readonly #changed: (backend: string) => void
  readonly #rows = new Map<string, Row>()

  /** @param changed told of each backend whose circuit has opened, closed or got another time for its next probe */
  constructor(parts: CircuitsParts, changed: (backend: string) => void) {
    this.#parts = parts
    this.#changed = changed
  }

  get(backend: string): OpenCircuit | undefined {
    return this.#rows.get(backend)?.open
  }

  /** The service has answered: whatever it said, it is there. */
  answered(backend: string): void {
    const row = this.#rows.get(backend)
    if (row === undefined) return
    this.#rows.delete(backend)
    if (row.open === undefined) return
    this.#parts.logger.info({ backend }, `the service of "${backend}" answers again; what waits for it is sent now`)
    this.#note(backend, undefined)
    this.#changed(backend)
  }

  /**
   * @param startedAt when the attempt began
   * @param isProbe it was the one message that is tried while the circuit is open
   */
  failed(backend: string, error: unknown, startedAt: number, isProbe: boolean): void {
    const settings = this.#parts.backends.get(backend)?.common.sending.circuit
    if (settings === undefined || settings === false || !(error instanceof ProviderError)) return
    if (!(error instanceof ConnectionError || error instanceof ServerError)) {
      this.answered(backend)
      return
    }
    const row = this.#rows.get(backend) ?? newRow(startedAt)
    this.#rows.set(backend, row)
    count(row, error)
    if (row.open === undefined) this.#mayOpen(backend, row, settings)
    else if (isProbe) this.#putOff(backend, row, row.open, settings)
  }

  #mayOpen(backend: string, row: Row, settings: CircuitSettings): void {
    const { clock, logger } = this.#parts
    const now = clock.now()
    if (row.failures < settings.failures || now - row.since < settings.silence) return
    const text = `the service of "${backend}" has failed ${row.failures} times in a row; its messages wait, and one is tried now and then`
    logger.warn({ backend, failures: row.failures, err: row.error }, text)
    this.#putOff(backend, row, { since: now, probeAt: now, error: errorText(row.error) }, settings)
  }

  #putOff(backend: string, row: Row, open: OpenCircuit, settings: CircuitSettings): void {
    row.open = { ...open, probeAt: this.#parts.clock.now() + probeDelay(row.probes++, settings) }
    // Where this process dies, the word is forgotten.
    this.#note(backend, { ...row.open, until: row.open.probeAt + 2 * settings.longestProbe })
    this.#changed(backend)
  }

  #note(backend: string, value: unknown): void {
    const { store, logger } = this.#parts
    store.memory.put(CIRCUITS, backend, value).catch((err: unknown) => logger.debug({ backend, err }, 'not noted'))
  }
}

function newRow(since: number): Row {
  return { failures: 0, since, error: undefined, counted: undefined, probes: 0, open: undefined }
}

function count(row: Row, error: unknown): void {
  if (error === row.counted) return
  row.failures++
  row.error = error
  row.counted = error
  setImmediate(() => {
    row.counted = undefined
  })
}
