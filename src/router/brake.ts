import { createHash } from 'node:crypto'
import type { Connection } from '../messages/incoming.ts'
import type { Logger } from '../messages/logger.ts'
import { isInSession } from '../messages/session.ts'
import type { ClaimedIncoming } from '../store/incoming-records.ts'
import type { AppContext } from './context.ts'

/** When answers of the phase `default` are kept back. */
export interface BrakeSettings {
  readonly enabled: boolean
  /** A sender with fewer digits, or with letters, is a service and no person. */
  readonly shortestNumber: number
  /** Answers that one person gets in an hour at the most. */
  readonly perHour: number
  /** Equal answers to equal texts of one person within ten minutes. */
  readonly equalAnswers: number
}

/** An answer that an app gave because nothing else had one. */
export interface DefaultAnswer {
  readonly app: string
  readonly text: string
}

interface Count {
  readonly key: string
  /** When it was begun. */
  readonly from: number
  readonly count: number
}

const SCOPE = 'switchboard:brake'
const HOUR_MS = 3_600_000
const EQUAL_MS = 600_000
/** The key of the count of all; the others are hashes. */
const ALL = ''
/** Counts kept of one person: a machine with more texts than this is stopped by the count of all. */
const MOST_COUNTS = 10

/**
 * Stops our apps and a machine from answering each other for ever. The counts are a document of each person: it is
 * committed with the message's result and under its lane, so that it is exact with many processes, and survives them.
 */
export class Brake {
  readonly #settings: BrakeSettings
  readonly #logger: Logger

  constructor(settings: BrakeSettings, logger: Logger) {
    this.#settings = settings
    this.#logger = logger
  }

  /** @returns why the answer may not leave, or null; then it is counted */
  async stops(
    answer: DefaultAnswer,
    message: ClaimedIncoming,
    documents: AppContext['documents'],
    now: number,
  ): Promise<string | null> {
    const { enabled, shortestNumber, perHour, equalAnswers } = this.#settings
    if (!enabled || isInSession(message.fields)) return null
    if (!isPerson(message.identity, shortestNumber)) return 'no default answer to a sender that is no phone number'
    const key = keyOf(message)
    const known = countsOf(await documents.get(SCOPE, key)).filter((each) => now < endOf(each))
    const equal = counted(known, hashOf(message.text, answer.text), now)
    const all = counted(known, ALL, now)
    const others = known.filter((each) => each.key !== equal.key && each.key !== ALL).slice(-(MOST_COUNTS - 2))
    await documents.put(SCOPE, key, [all, ...others, equal])
    if (equal.count > equalAnswers) {
      const reason = `the same default answer to the same text ${equalAnswers} times within 10 minutes`
      return this.#stopped(reason, answer, message, equal.count === equalAnswers + 1)
    }
    if (all.count <= perHour) return null
    return this.#stopped(`${perHour} default answers within an hour`, answer, message, all.count === perHour + 1)
  }

  /** Warned of once in each span, as a machine may go on. */
  #stopped(reason: string, { app }: DefaultAnswer, message: ClaimedIncoming, isFirst: boolean): string {
    const { id, backend, identity, address, text } = message
    const fields = { id, backend, identity, address, text, app, reason }
    if (isFirst)
      this.#logger.warn(fields, `the app "${app}" and a machine seem to answer each other; it answers no more`)
    return reason
  }
}

function isPerson(identity: string, shortest: number): boolean {
  return !/\p{L}/u.test(identity) && identity.replace(/\P{Nd}/gu, '').length >= shortest
}

function keyOf({ backend, identity }: Connection): string {
  return JSON.stringify([backend, identity])
}

function hashOf(text: string, answer: string): string {
  return createHash('sha256')
    .update(JSON.stringify([text, answer]))
    .digest('base64')
    .slice(0, 16)
}

function endOf({ key, from }: Count): number {
  return from + (key === ALL ? HOUR_MS : EQUAL_MS)
}

function counted(known: readonly Count[], key: string, now: number): Count {
  const { from, count } = known.find((each) => each.key === key) ?? { from: now, count: 0 }
  return { key, from, count: count + 1 }
}

/** What is no list of counts was written by somebody else, or by a later version: counted anew. */
function countsOf(value: unknown): readonly Count[] {
  return Array.isArray(value) ? value.filter(isCount) : []
}

function isCount(value: unknown): value is Count {
  if (typeof value !== 'object' || value === null) return false
  const { key, from, count } = value as Partial<Record<keyof Count, unknown>>
  return typeof key === 'string' && Number.isFinite(from) && Number.isFinite(count)
}
