import type { Clock } from '../messages/clock.ts'
import type { Lane } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { Signals } from '../queue/signals.ts'
import type { Pause, PauseCause } from '../store/pause-store.ts'
import type { Store } from '../store/store.ts'
import type { Backend, ProbeSettings } from './backend.ts'
import { AuthError, CreditError, PausedError, type ProviderError, providerErrorOf } from './errors.ts'

export interface PausesParts {
  readonly store: Pick<Store, 'pauses'>
  readonly signals: Signals
  readonly backends: ReadonlyMap<string, Backend>
  readonly clock: Clock
  readonly logger: Logger
}

/** All processes are told on this channel to look again. */
const CHANNEL = 'pauses'
const LONGEST_REASON = 500

/** The lane by which a command beside a server tells it that a pause has begun or ended; it is nobody's. */
export function pauseNudge(backend: string): Lane {
  return { kind: 'outgoing', owner: backend, class: 'urgent', identity: '' }
}

export function isPauseNudge(lane: Lane): boolean {
  return lane.kind === 'outgoing' && lane.identity === ''
}

/** Why an attempt pauses its backend: nothing that is sent after it would fare better. */
export function pauseCauseOf(error: unknown): Exclude<PauseCause, 'HAND'> | undefined {
  if (error instanceof AuthError) return 'AUTH'
  return error instanceof CreditError ? 'CREDIT' : undefined
}

/** When the next message is tried, after so many that were tried in vain. */
export function probeDelay(probes: number, { firstProbe, longestProbe }: ProbeSettings): number {
  return Math.min(longestProbe, firstProbe * 2 ** Math.min(probes, 30))
}

/** What is thrown at once to who wants to send now. */
export function errorOfPause({ backend, cause, reason }: Pause): ProviderError {
  if (cause === 'HAND') return new PausedError(`The backend "${backend}" is paused by hand: ${reason}`)
  return providerErrorOf(cause, `The backend "${backend}" is paused: ${reason}`, null)
}

/** What to do about a pause, for people. */
export function adviceOn({ backend, cause }: Pause): string {
  const resume = `switchboard resume ${backend}`
  if (cause === 'HAND') return `it was paused by hand, and goes on by hand only: ${resume}`
  const mend =
    cause === 'CREDIT' ? 'top up its account' : 'correct its user, password or key in the settings and restart'
  return `${mend}; a success of the one message that is tried now and then resumes it, or at once: ${resume}`
}

/** The pauses of backends as the store has them: shared by all processes, and known here without asking. */
export class Pauses {
  readonly #parts: PausesParts
  readonly #changed: (backend: string) => void
  #pauses: ReadonlyMap<string, Pause> = new Map()
  /** Being recorded: what was read meanwhile does not know of them. */
  readonly #beginning = new Set<string>()
  #reading: Promise<void> | undefined
  #readAgain = false

  /** @param changed told of each backend whose pause has begun, ended or changed */
  constructor(parts: PausesParts, changed: (backend: string) => void) {
    this.#parts = parts
    this.#changed = changed
  }

  get(backend: string): Pause | undefined {
    return this.#pauses.get(backend)
  }

  get all(): readonly Pause[] {
    return [...this.#pauses.values()]
  }

  /** Hears of other processes; @returns ends it */
  follow(): () => void {
    const { signals, logger } = this.#parts
    return signals.subscribe(CHANNEL, () => {
      this.read().catch((error: unknown) => logger.warn({ err: error }, 'the pauses of backends could not be read'))
    })
  }

  /** Has all processes read the pauses again. */
  async tell(): Promise<void> {
    await this.#parts.signals.publish(CHANNEL, null)
  }

  /** Reads them from the store; calls that come meanwhile are one more read. */
  read(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#readAgain = true
      return this.#reading
    }
    this.#reading = this.#readAll().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readAll(): Promise<void> {
    do {
      this.#readAgain = false
      const all = await this.#parts.store.pauses.all()
      this.#take(new Map(all.map((pause) => [pause.backend, pause])))
    } while (this.#readAgain)
  }

  #take(pauses: ReadonlyMap<string, Pause>): void {
    const before = this.#pauses
    const kept = [...before].filter(([backend]) => this.#beginning.has(backend))
    this.#pauses = new Map([...kept, ...pauses])
    const { logger } = this.#parts
    for (const [backend, pause] of pauses) {
      const known = before.get(backend)
      if (known?.since === pause.since && known.probeAt === pause.probeAt) continue
      if (known?.since !== pause.since)
        logger.warn(fieldsOf(pause), `the backend "${backend}" is paused; ${adviceOn(pause)}`)
      this.#changed(backend)
    }
    for (const [backend, pause] of before) {
      if (this.#pauses.has(backend)) continue
      logger.info({ backend, cause: pause.cause }, `the backend "${backend}" is resumed; what waits for it is sent now`)
      this.#changed(backend)
    }
  }

  /** Pauses the backend of a message that met such an error; what others begin at the same time is one pause. */
  async begin(backend: string, cause: Exclude<PauseCause, 'HAND'>, why: string): Promise<void> {
    if (this.#pauses.has(backend)) return
    const { store, clock, logger } = this.#parts
    const since = clock.now()
    const probeAt = since + probeDelay(0, this.#probing(backend))
    const pause: Pause = { backend, cause, reason: why.slice(0, LONGEST_REASON), since, probes: 0, probeAt }
    // Known here from now on, so that nothing is handed out while it is recorded.
    this.#pauses = new Map([...this.#pauses, [backend, pause]])
    this.#beginning.add(backend)
    this.#changed(backend)
    try {
      if (!(await store.pauses.begin(pause))) return
      const said =
        cause === 'CREDIT' ? 'the account has no credit' : 'the service does not accept our user, password or key'
      logger.error(
        fieldsOf(pause),
        `the backend "${backend}" is paused, its messages wait: ${said}; ${adviceOn(pause)}`,
      )
    } catch (err) {
      logger.error(
        { backend, err },
        'a pause could not be recorded; it holds in this process until it is looked up again',
      )
    } finally {
      this.#beginning.delete(backend)
      await this.tell()
    }
  }

  /** The message that was tried meanwhile could not be sent either. */
  async probed(backend: string): Promise<void> {
    const pause = this.#pauses.get(backend)
    if (pause === undefined || pause.probeAt === null) return
    const { store, clock } = this.#parts
    const probes = pause.probes + 1
    const probeAt = clock.now() + probeDelay(probes, this.#probing(backend))
    this.#pauses = new Map([...this.#pauses, [backend, { ...pause, probes, probeAt }]])
    this.#changed(backend)
    await store.pauses.probed(backend, pause.since, probeAt)
    await this.tell()
  }

  /** The message that was tried meanwhile was sent. */
  async succeeded(backend: string): Promise<void> {
    if (this.#pauses.get(backend)?.probeAt === undefined) return
    await this.#parts.store.pauses.end(backend, 'success')
    await this.read()
    await this.tell()
  }

  #probing(backend: string): ProbeSettings {
    return this.#parts.backends.get(backend)?.common.sending.pause ?? { firstProbe: 60_000, longestProbe: 900_000 }
  }
}

function fieldsOf({ backend, cause, reason, since }: Pause) {
  return { backend, cause, reason, since: new Date(since).toISOString() }
}
