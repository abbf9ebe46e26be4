import { type Clock, sleep, type Timer } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import { Fifo } from '../queue/fifo.ts'
import { Endings } from './ending.ts'
import type { EventName, HookSettings } from './events.ts'
import { callHook, type HookCall } from './hook-call.ts'
import { backoffDelay } from './retry.ts'

/** The message that an event is about, for the log; the text so that no error may quote it there. */
export interface AboutMessage {
  /** Null where it is not known. */
  readonly id: string | null
  readonly backend: string
  readonly identity?: string | undefined
  readonly text?: string | undefined
}

/** A hook that wants to know of one event. */
export interface HookJob extends HookCall {
  readonly event: EventName
  readonly about: AboutMessage
  /** Whether it is still registered. */
  isWanted(): boolean
}

/** What has become of hooks since the process started. */
export interface HookCounts {
  readonly runs: number
  /** Runs that threw, or took too long. */
  readonly failures: number
  /** Hooks that will not be run again for their event, though they failed. */
  readonly givenUp: number
  /** Events whose hooks were never run, since too many waited. */
  readonly leftOut: number
  /** Before-hooks that kept something from happening. */
  readonly refusals: number
  /** Events whose hooks wait for their turn, run, or wait to be run again; now. */
  readonly waiting: number
}

const LEFT_OUT_TOLD_MS = 10_000

/** The hooks of one event, or one of them that is run again. */
interface Item {
  /** Items of the same key run one after the other. */
  readonly key: string
  readonly jobs: readonly HookJob[]
  readonly attempt: number
}

interface Delayed {
  readonly item: Item
  readonly timer: Timer
}

export interface HookRunsParts {
  readonly settings: HookSettings
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Runs hooks beside the work, never within it: so many events at a time, the hooks of one event one after the other in
 * the order they were registered, events about the same message in the order they happened.
 */
export class HookRuns {
  readonly #parts: HookRunsParts
  readonly #endings = new Endings()
  /** What waits behind an item of the same key that runs, or is ready to. */
  #lines = new Map<string, Fifo<Item>>()
  #ready = new Fifo<Item>()
  readonly #delayed = new Set<Delayed>()
  readonly #running = new Set<HookJob>()
  readonly #whenIdle: (() => void)[] = []
  #active = 0
  #waiting = 0
  #isScheduled = false
  #isStopping = false
  /** Aborted when what runs is not waited for any more. */
  #ended = new AbortController()
  #runs = 0
  #failures = 0
  #givenUp = 0
  #leftOut = 0
  #leftOutToldAt = Number.NEGATIVE_INFINITY

  constructor(parts: HookRunsParts) {
    this.#parts = parts
  }

  get counts(): Omit<HookCounts, 'refusals'> {
    return {
      runs: this.#runs,
      failures: this.#failures,
      givenUp: this.#givenUp,
      leftOut: this.#leftOut,
      waiting: this.#waiting,
    }
  }

  /** Keys of which an item runs or is ready to. */
  get inHand(): number {
    return this.#lines.size
  }

  /** What runs now, each as `receive hook "name"`. */
  get running(): readonly string[] {
    return [...this.#running].map(({ event, hook }) => `${event} hook "${hook}"`)
  }

  /** Has hooks run soon. Never throws, and never calls a hook by itself. */
  add(key: string, jobs: readonly HookJob[]): void {
    if (this.#waiting >= this.#parts.settings.mostWaiting) {
      this.#leaveOut(jobs[0])
      return
    }
    this.#waiting++
    this.#enqueue({ key, jobs, attempt: 1 })
  }

  /** Told at most once in a while: where one is left out, thousands may be. */
  #leaveOut(job: HookJob | undefined): void {
    const { clock, logger } = this.#parts
    this.#leftOut++
    const now = clock.now()
    if (now < this.#leftOutToldAt + LEFT_OUT_TOLD_MS) return
    this.#leftOutToldAt = now
    const fields = { event: job?.event, id: job?.about.id, leftOut: this.#leftOut, waiting: this.#waiting }
    logger.error(fields, 'too many events wait for their hooks; those of this one, and of others, are left out')
  }

  /** Resolves when nothing runs and nothing is ready to; what waits to be run again does not count. */
  idle(): Promise<void> {
    if (this.#lines.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  /**
   * Waits for what is there, giving what waits to be run again its last run at once; then forgets the rest.
   * @param deadline milliseconds since 1970
   */
  async stop(deadline: number): Promise<void> {
    const { clock, logger } = this.#parts
    this.#isStopping = true
    for (const { timer, item } of this.#delayed) {
      timer.cancel()
      this.#enqueue(item)
    }
    this.#delayed.clear()
    const waited = new AbortController()
    await Promise.race([this.idle(), sleep(clock, deadline - clock.now(), waited.signal)])
    waited.abort()
    if (this.#waiting > 0) {
      const fields = { events: this.#waiting, running: this.running }
      logger.error(fields, 'stopped waiting for hooks; what they had still to do for so many events is lost')
      this.#forgetAll()
    }
    this.#isStopping = false
  }

  /** What runs goes on as it likes, and finds its signal aborted. */
  #forgetAll(): void {
    this.#givenUp += this.#waiting - this.#active
    this.#waiting = this.#active
    this.#lines = new Map()
    this.#ready = new Fifo()
    this.#ended.abort()
    this.#ended = new AbortController()
  }

  #enqueue(item: Item): void {
    const line = this.#lines.get(item.key)
    if (line !== undefined) {
      line.push(item)
      return
    }
    this.#lines.set(item.key, new Fifo())
    this.#ready.push(item)
    this.#schedule()
  }

  /** After the turn in which the event happened: nobody who waits for an answer waits for a hook. */
  #schedule(): void {
    if (this.#isScheduled || this.#active >= this.#parts.settings.concurrency) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      while (this.#active < this.#parts.settings.concurrency) {
        const item = this.#ready.shift()
        if (item === undefined) break
        void this.#work(item)
      }
    })
  }

  async #work(item: Item): Promise<void> {
    this.#active++
    for (const job of item.jobs) await this.#run(job, item)
    this.#active--
    this.#waiting--
    const next = this.#lines.get(item.key)?.shift()
    if (next === undefined) this.#lines.delete(item.key)
    else this.#ready.push(next)
    if (this.#ready.length > 0) this.#schedule()
    if (this.#lines.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  async #run(job: HookJob, item: Item): Promise<void> {
    if (!job.isWanted()) return
    const { clock, settings } = this.#parts
    const ending = this.#endings.begin(this.#ended.signal)
    this.#running.add(job)
    this.#runs++
    try {
      await callHook(job, { clock, timeLimit: settings.timeLimit, attempt: item.attempt, ending })
    } catch (error) {
      this.#failed(job, item, error)
    } finally {
      this.#running.delete(job)
      this.#endings.done(ending)
    }
  }

  #failed(job: HookJob, { key, attempt }: Item, err: unknown): void {
    const { settings, clock, logger } = this.#parts
    const { event, hook, about } = job
    const fields = { event, hook, ...about, attempt, err }
    this.#failures++
    if (attempt >= settings.attempts || this.#isStopping) {
      this.#givenUp++
      logger.error(fields, 'a hook failed, and is not run again for this event')
      return
    }
    const at = clock.now() + backoffDelay(attempt, settings)
    logger.warn({ ...fields, at }, 'a hook failed; it is run again')
    this.#waiting++
    const item: Item = { key, jobs: [job], attempt: attempt + 1 }
    const delayed: Delayed = {
      item,
      timer: clock.schedule(at, () => {
        this.#delayed.delete(delayed)
        this.#enqueue(item)
      }),
    }
    this.#delayed.add(delayed)
  }
}
