import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { Slot } from '../queue/queue.ts'
import type { App, Phase } from './app.ts'
import { AppTimeoutError } from './errors.ts'

export interface AppCallSettings {
  /** Milliseconds one call of an app may take. */
  readonly timeLimit: number
  /** How many calls of one app may hold a slot while they wait for something; further ones wait without a slot. */
  readonly share: number
  /** How many calls of one app may wait at all; the oldest is given up for a newer one. */
  readonly mostWaiting: number
}

/** What these answer means nothing, so there is nothing to warn of. */
const meaningless: ReadonlySet<Phase> = new Set(['parse', 'cleanup'])

interface Waiting {
  giveUp(reason: string): void
}

/**
 * Calls apps so that a slow one holds up only the messages that need it: a call that does not return at once counts
 * against its app, and once the app has its share of slots, its calls wait without one.
 */
export class AppCalls {
  readonly #waiting = new Map<App, Set<Waiting>>()
  readonly #warned = new Set<string>()
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #settings: AppCallSettings

  constructor(clock: Clock, logger: Logger, settings: AppCallSettings) {
    this.#clock = clock
    this.#logger = logger
    this.#settings = settings
  }

  /**
   * Calls one phase of one app.
   * @returns what it answered; undefined for anything but exactly true or false
   * @throws AppTimeoutError when it takes longer than the time limit; whatever the app throws
   */
  async call(app: App, phase: Phase, run: () => unknown, slot: Slot): Promise<boolean | undefined> {
    const returned = run()
    const answer = isThenable(returned) ? await this.#wait(app, phase, returned, slot) : returned
    if (answer === true || answer === false) return answer
    if (answer && !meaningless.has(phase)) this.#warnOnce(app, phase, answer)
    return undefined
  }

  #wait(app: App, phase: Phase, pending: PromiseLike<unknown>, slot: Slot): Promise<unknown> {
    const waiting = this.#waitingOf(app)
    const { timeLimit, share, mostWaiting } = this.#settings
    if (waiting.size >= share) slot.release()
    if (waiting.size >= mostWaiting) {
      const [oldest] = waiting
      oldest?.giveUp(`was given up, since ${mostWaiting} calls of the app are waiting`)
    }
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        giveUp: (reason) => {
          end()
          reject(new AppTimeoutError(`The app "${app.name}" ${reason} (phase ${phase}).`))
        },
      }
      const timer = this.#clock.schedule(this.#clock.now() + timeLimit, () =>
        entry.giveUp(`did not return within ${timeLimit} ms`),
      )
      const end = () => {
        timer.cancel()
        waiting.delete(entry)
      }
      waiting.add(entry)
      pending.then(
        (value) => {
          end()
          resolve(value)
        },
        (error: unknown) => {
          end()
          reject(error)
        },
      )
    })
  }

  #waitingOf(app: App): Set<Waiting> {
    const known = this.#waiting.get(app)
    if (known !== undefined) return known
    const created = new Set<Waiting>()
    this.#waiting.set(app, created)
    return created
  }

  #warnOnce(app: App, phase: Phase, answer: unknown): void {
    const key = `${app.name}.${phase}`
    if (this.#warned.has(key)) return
    this.#warned.add(key)
    this.#logger.warn(
      { app: app.name, phase, type: typeof answer },
      'the app answered something truthy that is not true; only exactly true counts',
    )
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
