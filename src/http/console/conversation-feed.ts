import type { Clock } from '../../messages/clock.ts'
import type { Logger } from '../../messages/logger.ts'
import type { Signals } from '../../queue/signals.ts'
import { type ConversationSignal, conversationChannel } from '../../router/conversation-signal.ts'
import type { LoggedMessage } from '../../store/message-log.ts'
import type { Store } from '../../store/store.ts'

/** Soon enough to seem at once, late enough for the changes of one message to come together. */
const SETTLE_MS = 10
const SHORTEST_PAUSE_MS = 100
/** Changes that are looked up one by one; with more, pages read their conversation again. */
const MOST_AT_ONCE = 50

export interface ConversationFeedParts {
  readonly signals: Signals
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
}

/** What one page hears. */
export interface FeedListener {
  message(message: LoggedMessage): void
  /** Too much changed to tell each. */
  reload(): void
}

interface Channel {
  readonly backend: string
  readonly listeners: Set<FeedListener>
  readonly unsubscribe: () => void
  readonly changed: Set<string>
  waiting: boolean
}

/** Tells pages what happens to the conversations of a backend. However many pages look on, it is looked up once. */
export class ConversationFeed {
  readonly #parts: ConversationFeedParts
  readonly #channels = new Map<string, Channel>()

  constructor(parts: ConversationFeedParts) {
    this.#parts = parts
  }

  /** @returns takes the listener away again */
  listen(backend: string, listener: FeedListener): () => void {
    const channel = this.#channels.get(backend) ?? this.#openChannel(backend)
    channel.listeners.add(listener)
    return () => {
      channel.listeners.delete(listener)
      if (channel.listeners.size > 0 || this.#channels.get(backend) !== channel) return
      this.#channels.delete(backend)
      channel.unsubscribe()
    }
  }

  #openChannel(backend: string): Channel {
    const changed = new Set<string>()
    const unsubscribe = this.#parts.signals.subscribe(conversationChannel(backend), (payload) => {
      changed.add((payload as ConversationSignal).id)
      if (!channel.waiting) this.#tellIn(channel, SETTLE_MS)
    })
    const channel: Channel = { backend, listeners: new Set(), unsubscribe, changed, waiting: false }
    this.#channels.set(backend, channel)
    return channel
  }

  #tellIn(channel: Channel, wait: number): void {
    const { clock } = this.#parts
    channel.waiting = true
    clock.schedule(clock.now() + wait, () => void this.#tell(channel))
  }

  async #tell(channel: Channel): Promise<void> {
    const { listeners, changed } = channel
    const ids = [...changed]
    changed.clear()
    const messages = ids.length === 0 || listeners.size === 0 ? [] : await this.#find(ids)
    for (const listener of listeners) {
      if (messages === undefined) listener.reload()
      else for (const message of messages) listener.message(message)
    }
    // A change that came meanwhile, or comes within the pause, is told after it.
    channel.waiting = ids.length > 0 && listeners.size > 0
    if (channel.waiting) this.#tellIn(channel, SHORTEST_PAUSE_MS)
  }

  async #find(ids: readonly string[]): Promise<readonly LoggedMessage[] | undefined> {
    if (ids.length > MOST_AT_ONCE) return undefined
    const { store, logger } = this.#parts
    try {
      const found = await Promise.all(ids.map((id) => store.log.find(id)))
      return found.filter((message) => message !== undefined).sort((a, b) => a.seq - b.seq)
    } catch (error) {
      logger.warn({ err: error }, 'changes of conversations could not be looked up')
      return undefined
    }
  }
}
