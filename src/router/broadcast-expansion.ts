import type { Clock } from '../messages/clock.ts'
import { errorText } from '../messages/errors.ts'
import type { Connection } from '../messages/incoming.ts'
import type { Signals } from '../queue/signals.ts'
import type { BroadcastFault, BroadcastRecipient, BroadcastRow } from '../store/broadcast-store.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import { type BroadcastCap, type KeptRequest, keptOf, sendRequestOf } from './broadcast-request.ts'
import { LONGEST_ERROR } from './broadcast-source.ts'
import { filledIn } from './broadcast-text.ts'
import type { Addressees } from './pending-people.ts'
import type { Ringer } from './ring.ts'
import type { Sender } from './send.ts'
import { isStoreFault } from './store-fault.ts'
import type { TemplateEngine } from './template-engine.ts'

export interface BroadcastExpansionParts {
  readonly store: Pick<Store, 'broadcasts' | 'contacts'>
  readonly sender: Sender
  readonly ringer: Ringer
  readonly signals: Signals
  readonly texts: TemplateEngine
  readonly clock: Clock
}

/** Messages of one broadcast that are unfinished at a time, at the most. */
const MOST_OPEN = 1_000
/** With a limit of its own fewer: what a service has held up must not leave in a burst. */
const OPEN_SECONDS = 5
/** While it is not known what the first of them cost. */
const MOST_OPEN_UNPRICED = 20
/** Recipients in one commit. */
const BATCH = 200
const BATCHES_PER_SECOND = 4
/** How soon it is looked again whether messages have left. */
const PACE_MS = 50

/** Makes messages of a running broadcast's recipients, as many as may be open. */
export class BroadcastExpansion {
  readonly #parts: BroadcastExpansionParts

  constructor(parts: BroadcastExpansionParts) {
    this.#parts = parts
  }

  /**
   * Does the next little piece.
   * @returns milliseconds after which to come again
   * @throws StaleResultError when somebody else has done it
   */
  async step(row: BroadcastRow): Promise<number> {
    const { store, clock } = this.#parts
    const request = keptOf(row)
    const { rate, cap } = request
    const window = rate === null ? MOST_OPEN : Math.min(MOST_OPEN, Math.ceil(rate * OPEN_SECONDS))
    const open = await store.broadcasts.countOpen(row.id, window)
    if (row.expanded >= row.recipients) return this.#end(row, open)
    const room = Math.min(window - open, await this.#roomUnderCap(row, cap, open))
    if (room === 0) return PACE_MS
    if (room < 0) {
      const change = { id: row.id, from: ['RUNNING'], to: 'CAPPED', reason: reasonOf(cap), at: clock.now() } as const
      await store.broadcasts.change(change)
      return 0
    }
    const wait = rate === null ? 0 : await this.#parts.signals.takeToken(bucketOf(row), { perSecond: rate })
    if (wait > 0) return wait
    const most = rate === null ? BATCH : Math.max(1, Math.ceil(rate / BATCHES_PER_SECOND))
    const parts = await this.#expand(row, request, Math.min(BATCH, most, room))
    if (rate !== null && parts !== 1)
      await this.#parts.signals.spendTokens(bucketOf(row), parts - 1, { perSecond: rate })
    return 0
  }

  async #end(row: BroadcastRow, open: number): Promise<number> {
    if (open > 0) return PACE_MS
    await this.#parts.store.broadcasts.change({
      id: row.id,
      from: ['RUNNING'],
      to: 'DONE',
      at: this.#parts.clock.now(),
    })
    return 0
  }

  /** @returns how many messages the cap lets through now; -1 when it is reached */
  async #roomUnderCap(row: BroadcastRow, cap: BroadcastCap | null, open: number): Promise<number> {
    const { messages = Number.POSITIVE_INFINITY, cost = Number.POSITIVE_INFINITY } = cap ?? {}
    if (row.messages >= messages) return -1
    const left = messages - row.messages
    if (cost === Number.POSITIVE_INFINITY) return left
    const spent = await this.#parts.store.broadcasts.cost(row.id)
    if (spent.cost >= cost) return -1
    if (spent.settled === 0) return Math.max(0, Math.min(left, MOST_OPEN_UNPRICED - open))
    // What is under way will have cost as much as what went before.
    const each = spent.cost / spent.settled
    const under = row.messages - spent.settled
    if (each === 0) return left
    const room = Math.floor((cost - spent.cost) / each) - under
    if (room > 0) return Math.min(left, room)
    return under > 0 ? 0 : -1
  }

  /** @returns the message parts that were made */
  async #expand(row: BroadcastRow, request: KeptRequest, limit: number): Promise<number> {
    const { store, ringer, clock } = this.#parts
    const recipients = await store.broadcasts.recipients(row.id, row.cursor, limit)
    const messages: NewOutgoing[] = []
    const faults: BroadcastFault[] = []
    const most = (request.cap?.messages ?? Number.POSITIVE_INFINITY) - row.messages
    let to = row.cursor
    let count = 0
    const all = await Promise.all(recipients.map((recipient) => this.#messagesTo(recipient, row, request)))
    for (const [index, made] of all.entries()) {
      // A text that was split is sent whole or not at all; the first one may go over the cap.
      if ('messages' in made && messages.length > 0 && messages.length + made.messages.length > most) break
      if ('fault' in made) faults.push(made.fault)
      else messages.push(...made.messages)
      to = recipients[index]?.position ?? to
      count++
    }
    // What cannot be found any more counts as gone through: else it would never end.
    const gone = recipients.length === 0 ? row.recipients - row.expanded : count
    const expansion = { id: row.id, from: row.cursor, to, recipients: gone, messages, faults, at: clock.now() }
    await store.broadcasts.expand(expansion)
    ringer.ringOutgoing(messages)
    return messages.reduce((sum, { parts }) => sum + parts, 0)
  }

  async #messagesTo(
    recipient: BroadcastRecipient,
    row: BroadcastRow,
    request: KeptRequest,
  ): Promise<{ readonly messages: readonly NewOutgoing[] } | { readonly fault: BroadcastFault }> {
    const { backend, identity, position, params } = recipient
    try {
      const send = filledIn(this.#parts.texts, sendRequestOf(request), params)
      const to = backend === '' ? identity : { backend, identity }
      const prepared = await this.#parts.sender.prepare({ ...send, to }, this.#peopleOf(recipient))
      const { messages, leftOut } = prepared
      const [left] = leftOut
      if (messages.length === 0 && left !== undefined) return { fault: { position, error: left.reason } }
      return { messages: messages.map((message) => ({ ...message, broadcastId: row.id, ...tagged(row) })) }
    } catch (error) {
      if (isStoreFault(error)) throw error
      return { fault: { position, error: errorText(error).slice(0, LONGEST_ERROR) } }
    }
  }

  /** Whom the message goes to is known already; what else is asked for, the store knows. */
  #peopleOf({ backend, identity, contact }: BroadcastRecipient): Addressees {
    const { contacts } = this.#parts.store
    const isIts = (asked: Connection) => asked.backend === backend && asked.identity === identity
    return {
      find: (id) => contacts.find(id),
      ofConnection: async (asked) => (isIts(asked) ? (contact ?? undefined) : contacts.ofConnection(asked)),
      connectionsOf: (id) => contacts.connectionsOf(id),
      membersOf: (group) => contacts.membersOf(group),
    }
  }
}

function tagged({ tag }: BroadcastRow) {
  return tag === null ? {} : { tag }
}

function bucketOf({ id }: BroadcastRow): string {
  return `broadcast:${id}`
}

function reasonOf(cap: BroadcastCap | null): string {
  const limits = [
    ...(cap?.messages === undefined ? [] : [`${cap.messages} messages`]),
    ...(cap?.cost === undefined ? [] : [`a cost of ${cap.cost}`]),
  ]
  return `its cap was reached: ${limits.join(', or ')}`
}
