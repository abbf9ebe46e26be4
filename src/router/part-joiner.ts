import { createHash } from 'node:crypto'
import { type Clock, sleep } from '../messages/clock.ts'
import { decodeBytes } from '../messages/coding.ts'
import type { NewId } from '../messages/ids.ts'
import type { Fields } from '../messages/incoming.ts'
import type { Logger } from '../messages/logger.ts'
import type { NewPart, PartGroup, StoredPart } from '../store/part-store.ts'
import type { Store } from '../store/store.ts'
import type { Received, ReceivedMessage, ReceivedPart, TakenPart } from './backend.ts'

export interface PartJoinerParts {
  readonly store: Store
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
  /** Records the whole as an incoming message. */
  readonly receive: (backend: string, message: ReceivedMessage) => Promise<Received>
}

/** A message of three parts is long; this many are a mistake, or meant to fill the disk. */
const MOST_PARTS = 255
const SWEEP_INTERVAL_MS = 30_000
const SWEEP_PAGE = 100
/** Where so many cannot be recorded, none can: the next sweep sees to them. */
const MOST_FAILED = 2_000
/** Services repeat what they believe was not taken for a day. */
const REPEATS_KNOWN_MS = 48 * 3600_000

/** Joins the parts of long messages. What it knows is in the store: any process may get any part. */
export class PartJoiner {
  readonly #parts: PartJoinerParts

  constructor(parts: PartJoinerParts) {
    this.#parts = parts
  }

  /**
   * Takes a part; once this resolves it is on disk, and the message is recorded when it was the last one.
   * @param joinTimeLimit milliseconds to wait for the others
   * @throws what recording throws, when a part that says it is alone could not be recorded; StoreUnavailableError
   */
  async take(backend: string, part: ReceivedPart, joinTimeLimit: number): Promise<TakenPart> {
    if (!isPlausible(part)) return this.#takeAlone(backend, part)
    const { store, clock, logger, newId } = this.#parts
    const row = rowOf(backend, part, newId(), clock.now(), joinTimeLimit)
    const { duplicate, messageId, complete } = await store.parts.add(row)
    const { identity, total, number, text } = row
    logger.info({ backend, identity, part: number, total, duplicate, text: text ?? '' }, 'received a part')
    if (complete === null) return { duplicate, id: messageId }
    try {
      return { duplicate, id: await this.#handOn(complete) }
    } catch (error) {
      // All of it is on disk: the sweep hands it on, and the service has nothing to repeat.
      logger.warn({ backend, identity, err: error }, 'a joined message could not be recorded; it is tried again')
      return { duplicate, id: null }
    }
  }

  async #takeAlone(backend: string, part: ReceivedPart): Promise<TakenPart> {
    const { content, reference: _reference, total: _total, number: _number, ...message } = part
    const text = typeof content === 'string' ? content : decodeBytes(content.bytes, content.coding)
    return this.#parts.receive(backend, { ...message, text: withoutNul(text) })
  }

  /** Hands on what is complete or has waited long enough, again and again until the signal is aborted. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts
    while (!signal.aborted) {
      try {
        await this.sweep(signal)
      } catch (error) {
        logger.error({ err: error }, 'parts of long messages could not be handed on; trying again')
      }
      await sleep(clock, SWEEP_INTERVAL_MS, signal)
    }
  }

  /** Hands on all groups that are due. */
  async sweep(signal?: AbortSignal): Promise<void> {
    const { store, clock } = this.#parts
    // They stay due and come first: others are behind them.
    const failed = new Set<string>()
    for (let more = true; more && signal?.aborted !== true; ) {
      const limit = SWEEP_PAGE + failed.size
      const groups = await store.parts.due(clock.now(), limit)
      const untried = groups.filter(({ id }) => !failed.has(id))
      const handed = await Promise.all(untried.map((group) => this.#tryHandOn(group)))
      for (const [index, { id }] of untried.entries()) if (handed[index] !== true) failed.add(id)
      more = groups.length === limit && failed.size < MOST_FAILED
    }
    await store.parts.forget(clock.now())
  }

  /** One that cannot be recorded, such as that of a backend no longer in the settings, holds up no other. */
  async #tryHandOn(group: PartGroup): Promise<boolean> {
    try {
      await this.#handOn(group)
      return true
    } catch (error) {
      const { backend, identity } = group
      this.#parts.logger.warn({ backend, identity, err: error }, 'a joined message could not be recorded; trying again')
      return false
    }
  }

  /** May happen twice, in two processes or after a crash: the external id lets it be recorded once. */
  async #handOn(group: PartGroup): Promise<string> {
    const { store, clock, receive } = this.#parts
    const { id } = await receive(group.backend, joined(group))
    await store.parts.handedOn(group.id, id, clock.now() + REPEATS_KNOWN_MS)
    return id
  }
}

function isPlausible({ total, number }: ReceivedPart): boolean {
  const areWhole = Number.isInteger(total) && Number.isInteger(number)
  return areWhole && total > 1 && total <= MOST_PARTS && number >= 1 && number <= total
}

function rowOf(backend: string, part: ReceivedPart, groupId: string, now: number, joinTimeLimit: number): NewPart {
  const { identity, address, reference, total, number, content, fields, externalId } = part
  const isText = typeof content === 'string'
  const text = isText ? withoutNul(content).toWellFormed() : null
  const hex = isText ? null : Buffer.from(content.bytes).toString('hex')
  const coding = isText ? null : content.coding
  return {
    groupId,
    backend,
    identity: identity.toWellFormed(),
    address: address ?? null,
    reference,
    total,
    number,
    text,
    hex,
    coding,
    digest: createHash('sha256')
      .update(JSON.stringify([text, hex, coding]))
      .digest('hex'),
    fields: fields ?? {},
    externalId: externalId ?? null,
    receivedAt: now,
    dueAt: now + joinTimeLimit,
  }
}

/** One message of what is there; the fields are those of the first part. */
function joined({ id, identity, address, total, parts }: PartGroup): ReceivedMessage {
  const there = new Set(parts.map(({ number }) => number))
  const missing = Array.from({ length: total }, (_, index) => index + 1).filter((number) => !there.has(number))
  const fields: Fields = { ...parts[0]?.fields, ...(missing.length === 0 ? {} : { missingParts: missing }) }
  return {
    identity,
    text: withoutNul(textOf(parts)),
    fields,
    externalId: `joined-${id}`,
    ...(address === null ? {} : { address }),
  }
}

/** Bytes of neighbours are joined before they are read: a character may have been cut apart. */
function textOf(parts: readonly StoredPart[]): string {
  let text = ''
  let pending = Buffer.alloc(0)
  for (const [index, { number, text: own, hex, coding }] of parts.entries()) {
    if (hex === null || coding === null) {
      text += own ?? ''
      continue
    }
    pending = Buffer.concat([pending, Buffer.from(hex, 'hex')])
    const next = parts[index + 1]
    if (next?.coding === coding && next.number === number + 1) continue
    text += decodeBytes(pending, coding)
    pending = Buffer.alloc(0)
  }
  return text
}

/** What no phone can type and some databases cannot keep. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '')
}
