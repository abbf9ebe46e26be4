import type { Clock, Timer } from '../messages/clock.ts'
import { errorText } from '../messages/errors.ts'
import { type Lane, type MessageClass, messageClasses, outgoingPool } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { Queue } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import type { Pause } from '../store/pause-store.ts'
import type { Store } from '../store/store.ts'
import type { Availability } from './availability.ts'
import type { Backend } from './backend.ts'
import { Circuits } from './circuits.ts'
import { DailyCaps } from './daily-caps.ts'
import type { ProviderError } from './errors.ts'
import { errorOfPause, Pauses, pauseCauseOf } from './pauses.ts'
import { Probes } from './probes.ts'

type OutgoingLane = Lane & { kind: 'outgoing' }

export interface HoldsParts {
  readonly store: Pick<Store, 'pauses' | 'memory' | 'usage'>
  readonly queue: Pick<Queue, 'hold' | 'letOne'>
  readonly signals: Signals
  readonly backends: ReadonlyMap<string, Backend>
  readonly clock: Clock
  readonly logger: Logger
  readonly timeZone: string
  /** Names this process among those that could try a message. */
  readonly holder: string
}

const NONE: readonly MessageClass[] = []
/** Who tries a message says so again before this is over. */
const PROBE_LEASE_MS = 60_000
const RETRY_MS = 10_000
/** A message that begins one more has its error itself. */
const MOST_PAUSES = 2
const MOST_REMEMBERED = 1_000

/**
 * What keeps messages from being handed to backends: pauses, open circuits, daily caps. What is held stays in the queue,
 * which hands out none of it; while a backend is held as a whole, one message is tried now and then.
 */
export class Holds implements Availability {
  readonly pauses: Pauses
  readonly circuits: Circuits
  readonly caps: DailyCaps
  readonly #parts: HoldsParts
  readonly #probes = new Probes()
  /** The classes of each backend that are held now. */
  readonly #held = new Map<string, readonly MessageClass[]>()
  readonly #timers = new Map<string, Timer>()
  /** How often messages have begun a pause, by their ids. */
  readonly #begun = new Map<string, number>()
  /** Backends that have taken a message since a pause of them was begun last. */
  readonly #wentThrough = new Set<string>()
  readonly #listeners = new Map<string, Set<(error: ProviderError) => void>>()
  #works = false
  #unfollow: (() => void) | undefined

  constructor(parts: HoldsParts) {
    this.#parts = parts
    const changed = (backend: string) => this.#apply(backend)
    this.pauses = new Pauses(parts, changed)
    this.circuits = new Circuits(parts, changed)
    this.caps = new DailyCaps(parts, changed)
  }

  /**
   * Learns what is paused, and hears of changes from now on.
   * @param works whether this process works outgoing messages, and so tries one where a backend is held
   */
  async start(works: boolean): Promise<void> {
    this.#works = works
    this.#unfollow ??= this.pauses.follow()
    await this.pauses.read()
    for (const backend of this.#held.keys()) this.#schedule(backend)
  }

  stop(): void {
    this.#works = false
    this.#unfollow?.()
    this.#unfollow = undefined
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  /** A command beside this server may have paused or resumed a backend. */
  async heard(): Promise<void> {
    await this.refresh().catch((err: unknown) => {
      this.#parts.logger.warn({ err }, 'the pauses of backends could not be read')
    })
  }

  /** Reads the pauses again, here and in all other processes. */
  async refresh(): Promise<void> {
    await this.pauses.read()
    await this.pauses.tell()
  }

  /** Has nothing sent over a backend, by any process, until it is resumed by hand. */
  async pause(backend: string, reason: string): Promise<void> {
    const { store, clock } = this.#parts
    await store.pauses.begin({ backend, cause: 'HAND', reason, since: clock.now(), probes: 0, probeAt: null })
    await this.refresh()
  }

  /** Has messages sent over a backend again, whatever it was paused for. @returns whether it was paused */
  async resume(backend: string): Promise<boolean> {
    const wasPaused = await this.#parts.store.pauses.end(backend, 'hand')
    await this.refresh()
    return wasPaused
  }

  isAvailable(backend: string): boolean {
    return this.pauses.get(backend) === undefined && this.circuits.get(backend) === undefined
  }

  get paused(): readonly Pause[] {
    return this.pauses.all
  }

  mayTry(backend: string): boolean {
    return this.#probes.invite(backend)
  }

  /** The backends of which something is held. */
  get held(): readonly string[] {
    return [...this.#held.keys()]
  }

  /** What is thrown to who wants to send over the backend at once; undefined while it is not paused. */
  refusal(backend: string): ProviderError | undefined {
    const pause = this.pauses.get(backend)
    return pause === undefined ? undefined : errorOfPause(pause)
  }

  /** Calls the listener when the backend is paused. @returns ends it */
  onPaused(backend: string, listener: (error: ProviderError) => void): () => void {
    const listeners = this.#listeners.get(backend) ?? new Set()
    this.#listeners.set(backend, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(backend)
    }
  }

  /** Whether the next message of a lane may be worked. Once it may, `leave` has to follow. */
  enter(lane: OutgoingLane): boolean {
    if (this.#held.size === 0) return true
    const held = this.#held.get(lane.owner)
    if (held === undefined || !held.includes(lane.class)) return true
    return this.#probes.enter(lane)
  }

  /** The attempt of a message of the lane begins. */
  begin(lane: OutgoingLane): void {
    if (this.#held.size > 0) this.#probes.begin(lane)
  }

  /** The lane is given back. */
  leave(lane: OutgoingLane): void {
    if (this.#held.size === 0) return
    const end = this.#probes.leave(lane)
    // Its message was cancelled, or another's by now: the next lane's is tried.
    if (end === 'unused') this.#letOne(lane.owner)
    else if (end === 'used') this.#apply(lane.owner)
  }

  async succeeded(lane: OutgoingLane): Promise<void> {
    const { owner } = lane
    this.#wentThrough.add(owner)
    this.circuits.answered(owner)
    if (this.#held.size === 0 || !this.#probes.isMade(lane)) return
    await this.#noted(owner, this.pauses.succeeded(owner))
  }

  /**
   * @param id the message's
   * @param startedAt when the attempt began
   * @returns whether the message waits for the end of a pause
   */
  async failed(lane: OutgoingLane, id: string, error: unknown, startedAt: number): Promise<boolean> {
    const { owner } = lane
    // What hands on copies has many services behind it, of which one has failed.
    if (this.#parts.backends.get(owner)?.copies !== undefined) return false
    const isProbe = this.#probes.isMade(lane)
    const cause = pauseCauseOf(error)
    if (cause !== undefined && this.pauses.get(owner) === undefined) {
      if (cause === 'AUTH' && this.#isItsOwn(owner, id)) return false
      await this.#noted(owner, this.pauses.begin(owner, cause, errorText(error)))
    } else if (isProbe) await this.#noted(owner, this.pauses.probed(owner))
    this.circuits.failed(owner, error, startedAt, isProbe)
    return cause !== undefined
  }

  /**
   * Whether a message has paused its backend so often, while others went through, that the refusal must be meant for
   * it alone: some services say of a single recipient what they say of a wrong password.
   */
  #isItsOwn(backend: string, id: string): boolean {
    const known = this.#begun.get(id)
    // Resumed by hand, nothing else has been tried meanwhile: it is no wonder.
    if (!this.#wentThrough.delete(backend) && known !== undefined) return false
    const begun = (known ?? 0) + 1
    this.#begun.set(id, begun)
    const [oldest] = this.#begun.keys()
    if (this.#begun.size > MOST_REMEMBERED && oldest !== undefined) this.#begun.delete(oldest)
    return begun > MOST_PAUSES
  }

  /** Nobody's message depends on the store taking it now. */
  async #noted(backend: string, noting: Promise<void>): Promise<void> {
    await noting.catch((err: unknown) => {
      this.#parts.logger.warn({ backend, err }, 'what became of a pause could not be recorded; it is looked up again')
    })
  }

  #classesOf(backend: string): readonly MessageClass[] {
    if (!this.isAvailable(backend)) return messageClasses
    const reached = this.caps.reached(backend)
    return reached === undefined ? NONE : messageClasses.filter((name) => !reached.goOn.has(name))
  }

  #apply(backend: string): void {
    const before = this.#held.get(backend) ?? NONE
    const now = this.#classesOf(backend)
    if (now.length === 0) this.#held.delete(backend)
    else this.#held.set(backend, now)
    if (this.isAvailable(backend)) this.#probes.withdraw(backend)
    if (before.join() !== now.join()) {
      this.#parts.queue.hold(outgoingPool(backend), now)
      this.#letOne(backend)
    }
    this.#schedule(backend)
    const refusal = this.refusal(backend)
    if (refusal !== undefined) for (const listener of [...(this.#listeners.get(backend) ?? [])]) listener(refusal)
  }

  /** When something of a held backend changes by itself: a message is tried, or the next day begins. */
  #schedule(backend: string): void {
    const { clock } = this.#parts
    this.#timers.get(backend)?.cancel()
    this.#timers.delete(backend)
    if (!this.#works) return
    const pause = this.pauses.get(backend)
    const at = pause === undefined ? this.circuits.get(backend)?.probeAt : (pause.probeAt ?? undefined)
    const until = this.isAvailable(backend) ? this.caps.reached(backend)?.until : undefined
    const due = at ?? until
    if (due === undefined) return
    const act = () => (at === undefined ? this.#apply(backend) : void this.#probe(backend))
    this.#timers.set(backend, clock.schedule(due, act))
  }

  /** Has one message tried; of all processes, one does it for a pause. */
  async #probe(backend: string): Promise<void> {
    const { store, clock, holder } = this.#parts
    const now = clock.now()
    const isPaused = this.pauses.get(backend) !== undefined
    const isOurs =
      !isPaused || (await store.memory.lease(`probe:${backend}`, holder, now, now + PROBE_LEASE_MS).catch(() => false))
    if (!this.#works || this.isAvailable(backend)) return
    this.#probes.uninvite(backend)
    if (isOurs && !this.#probes.has(backend)) {
      this.#probes.grant(backend)
      this.#letOne(backend)
    } else if (!isOurs && this.#probes.isAwaited(backend)) {
      this.#probes.withdraw(backend)
    }
    // While no message is there to be tried, or somebody else tries one.
    this.#timers.get(backend)?.cancel()
    const again = isOurs ? PROBE_LEASE_MS / 2 : RETRY_MS
    this.#timers.set(
      backend,
      clock.schedule(clock.now() + again, () => void this.#probe(backend)),
    )
  }

  #letOne(backend: string): void {
    if (!this.#probes.isAwaited(backend)) return
    const goOn = this.caps.reached(backend)?.goOn
    const classes = messageClasses.filter((name) => goOn?.has(name) !== false)
    this.#parts.queue.letOne(outgoingPool(backend), classes)
  }
}
