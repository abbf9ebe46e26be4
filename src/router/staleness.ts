import type { Clock } from '../messages/clock.ts'
import type { ClaimedIncoming } from '../store/incoming-records.ts'
import type { Store } from '../store/store.ts'

/** What becomes of incoming messages that are worked long after they came. */
export interface StalenessSettings {
  /** Milliseconds; undefined when nothing is ever too old. */
  readonly staleAfter?: number | undefined
  /** `silent`: the apps work on them, but their responses stay here; `drop`: they are kept as failed. */
  readonly stale: 'silent' | 'drop'
}

/** How an incoming message is worked again. */
interface Replayed {
  readonly at: number
  readonly silent: boolean
}

const NAME = 'switchboard:replayed'

/** Who hears nothing of a message: it is stale, or it is replayed silently. */
export class Staleness {
  readonly #settings: StalenessSettings
  readonly #store: Pick<Store, 'memory' | 'log'>
  readonly #clock: Clock

  constructor(settings: StalenessSettings, store: Pick<Store, 'memory' | 'log'>, clock: Clock) {
    this.#settings = settings
    this.#store = store
    this.#clock = clock
  }

  /** @returns why the message is not worked at all, or null */
  async refusal(message: ClaimedIncoming): Promise<string | null> {
    if (this.#settings.stale === 'silent' || !(await this.#isStale(message))) return null
    return 'stale: received too long before it could be worked'
  }

  /** @returns why its responses are not sent, or null */
  async silence(message: ClaimedIncoming): Promise<string | null> {
    const replayed = await this.#replayed(message)
    if (replayed?.silent === true) return 'replayed silently'
    return (await this.#isStale(message)) ? 'stale' : null
  }

  /**
   * Notes which of these are to be worked again as if they had come now, before they are opened.
   * @returns those that may be opened; silently only incoming ones that have failed
   */
  async replaying(ids: readonly string[], silent: boolean): Promise<readonly string[]> {
    if (!silent && this.#settings.staleAfter === undefined) return ids
    const { log, memory } = this.#store
    const found = await Promise.all(ids.map((id) => log.find(id)))
    const failed = found.flatMap((each) => (each?.direction === 'in' && each.state === 'FAILED' ? [each.id] : []))
    const replayed: Replayed = { at: this.#clock.now(), silent }
    await Promise.all(failed.map((id) => memory.put(NAME, id, replayed)))
    return silent ? failed : ids
  }

  /** The message is finished: another replay begins anew. */
  async finished(message: ClaimedIncoming): Promise<void> {
    if ((await this.#replayed(message)) !== undefined) await this.#store.memory.put(NAME, message.id, undefined)
  }

  async #isStale(message: ClaimedIncoming): Promise<boolean> {
    const { staleAfter } = this.#settings
    if (staleAfter === undefined || this.#clock.now() - message.receivedAt <= staleAfter) return false
    const replayed = await this.#replayed(message)
    return replayed === undefined || this.#clock.now() - replayed.at > staleAfter
  }

  /** Only what was opened again, or waits for a retry, has a time before which it is not worked. */
  async #replayed({ id, notBefore }: ClaimedIncoming): Promise<Replayed | undefined> {
    return notBefore === 0 ? undefined : ((await this.#store.memory.get(NAME, id)) as Replayed | undefined)
  }
}
