import type { Clock } from '../messages/clock.ts'
import { InvalidInputError } from '../messages/errors.ts'
import type { Logger } from '../messages/logger.ts'
import { Endings } from './ending.ts'
import { HookError } from './errors.ts'
import {
  type EventName,
  type EventSettings,
  type Events,
  eventNames,
  type Hook,
  type HookContext,
  type HookOptions,
  type HookSetting,
  type SetHooks,
} from './events.ts'
import { callHook } from './hook-call.ts'
import { type AboutMessage, type HookCounts, type HookJob, HookRuns } from './hook-runs.ts'

/** A hook as it was registered. */
interface Registration<Event> {
  readonly name: string
  readonly hook: (event: Event, context: HookContext) => unknown
  readonly before: boolean
}

/** The hooks of one event. The lists are replaced, never changed: who goes through one is not disturbed. */
class HookList<Event> {
  before: readonly Registration<Event>[] = []
  after: readonly Registration<Event>[] = []

  add(registration: Registration<Event>): void {
    if (registration.before) this.before = [...this.before, registration]
    else this.after = [...this.after, registration]
  }

  /** @returns whether one was there */
  remove(isRemoved: (registration: Registration<Event>) => boolean): boolean {
    const { before, after } = this
    this.before = before.filter((registration) => !isRemoved(registration))
    this.after = after.filter((registration) => !isRemoved(registration))
    return this.before.length + this.after.length < before.length + after.length
  }
}

export interface HooksParts {
  readonly settings: EventSettings
  readonly clock: Clock
  readonly logger: Logger
}

/** Who is told when a message was taken in, was sent, or was reported of. */
export class Hooks {
  readonly #parts: HooksParts
  readonly #lists: { readonly [Name in EventName]: HookList<Events[Name]> } = {
    receive: new HookList(),
    send: new HookList(),
    status: new HookList(),
  }
  readonly #runs: HookRuns
  readonly #endings = new Endings()
  readonly #never = new AbortController().signal
  #refusals = 0

  constructor(parts: HooksParts) {
    this.#parts = parts
    this.#runs = new HookRuns(parts)
    for (const name of eventNames) this.#addAll(name, parts.settings)
  }

  /** See `Router.on`. */
  on<Name extends EventName>(name: Name, hook: Hook<Name>, options: HookOptions = {}): () => void {
    const list = this.#list(name)
    if (typeof hook !== 'function') throw new InvalidInputError(`${name}: a hook is a function`)
    const { before = false, name: given = hook.name } = options
    const registration = { hook, before, name: given === '' ? 'without a name' : given }
    list.add(registration)
    return () => {
      list.remove((other) => other === registration)
    }
  }

  /** See `Router.off`. */
  off<Name extends EventName>(name: Name, hook: Hook<Name>): boolean {
    return this.#list(name).remove((registration) => registration.hook === hook)
  }

  /** What has become of hooks since the process started. */
  get counts(): HookCounts {
    return { ...this.#runs.counts, refusals: this.#refusals }
  }

  /** For how many messages hooks run beside the work, or are about to; what waits to be run again does not count. */
  get inHand(): number {
    return this.#runs.inHand
  }

  /** The hooks that run now beside the work, each as `receive hook "name"`. */
  get running(): readonly string[] {
    return this.#runs.running
  }

  /** Asked before an event is made, so that nobody pays for events that nobody wants. */
  hasBefore(name: EventName): boolean {
    return this.#lists[name].before.length > 0
  }

  hasAfter(name: EventName): boolean {
    return this.#lists[name].after.length > 0
  }

  /**
   * Runs the before-hooks, one after the other, up to the first that fails.
   * @throws HookError
   */
  async before<Name extends EventName>(name: Name, event: Events[Name], about: AboutMessage): Promise<void> {
    const { clock, settings, logger } = this.#parts
    const list = this.#list(name)
    for (const registration of list.before) {
      if (!list.before.includes(registration)) continue
      const ending = this.#endings.begin(this.#never)
      const hook = registration.name
      try {
        const call = { hook, run: (context: HookContext) => registration.hook(event, context) }
        await callHook(call, { clock, timeLimit: settings.beforeTimeLimit, attempt: 1, ending })
      } catch (thrown) {
        this.#refusals++
        logger.warn({ event: name, hook, ...about, err: thrown }, 'a hook that runs before failed')
        throw new HookError(`The hook "${hook}" failed.`, thrown)
      } finally {
        this.#endings.done(ending)
      }
    }
  }

  /** Has the other hooks run soon, beside the work. Never throws. @param key what has the same is told in its order */
  after<Name extends EventName>(name: Name, event: Events[Name], about: AboutMessage, key: string): void {
    const list = this.#list(name)
    const jobs = list.after.map(
      (registration): HookJob => ({
        event: name,
        hook: registration.name,
        about,
        isWanted: () => list.after.includes(registration),
        run: (context) => registration.hook(event, context),
      }),
    )
    if (jobs.length > 0) this.#runs.add(`${name === 'receive' ? 'in' : 'out'} ${key}`, jobs)
  }

  /** Resolves when no hook runs beside the work, or is about to; what waits to be run again does not count. */
  idle(): Promise<void> {
    return this.#runs.idle()
  }

  /** Waits for what is in hand. @param deadline milliseconds since 1970 */
  stop(deadline: number): Promise<void> {
    return this.#runs.stop(deadline)
  }

  #list<Name extends EventName>(name: Name): HookList<Events[Name]> {
    if (!Object.hasOwn(this.#lists, name)) {
      throw new InvalidInputError(`${String(name)}: there is no such event; there are ${eventNames.join(', ')}`)
    }
    return this.#lists[name]
  }

  #addAll<Name extends EventName>(name: Name, given: SetHooks): void {
    for (const [index, setting] of given[name].entries()) {
      const { hook, ...own } = namedHook(name, setting, index)
      this.on(name, hook, own)
    }
  }
}

/** What functions are called that stand where they are used: nothing, or by the property. */
const UNNAMED: ReadonlySet<string> = new Set(['', 'hook'])

/** A hook of the settings with its options; one without a name is named by its place. */
export function namedHook<Name extends EventName>(
  name: Name,
  setting: HookSetting<Name>,
  index: number,
): { readonly hook: Hook<Name>; readonly before: boolean; readonly name: string } {
  const { hook, before = false, name: own = hook.name } = typeof setting === 'function' ? { hook: setting } : setting
  return { hook, before, name: UNNAMED.has(own) ? `events.${name}.${index}` : own }
}
