import { InvalidInputError } from '../messages/errors.ts'
import { type MessageClass, messageClasses } from '../messages/lane.ts'
import type { SendOptions } from '../messages/outgoing.ts'
import { faultOfJsonObject, type JsonLimits } from '../messages/plain-json.ts'
import type { SendRequest } from './send-request.ts'

const LONGEST = { tag: 100, relatedTo: 255, idempotencyKey: 255, from: 255, identity: 255, text: 1_000_000 } as const
const OBJECT_LIMITS: JsonLimits = { length: 16_384, depth: 8 }
const LONGEST_SENDER_ID = 50
/** A year, in minutes. */
const LONGEST_VALIDITY = 525_600

type OptionKind = 'text' | 'minutes' | 'yes or no'

const OPTIONS: Readonly<Record<keyof SendOptions, OptionKind>> = {
  senderId: 'text',
  validity: 'minutes',
  escalate: 'yes or no',
  allowReply: 'yes or no',
  statusReport: 'yes or no',
  end: 'yes or no',
  despiteOptOut: 'yes or no',
  despiteQuietHours: 'yes or no',
}

/** The names of all options, in the order in which they are documented. */
export const optionNames: readonly string[] = Object.keys(OPTIONS)

/**
 * Checks what a sender has given, field by field; whom it goes to is checked where it is looked up.
 * @throws InvalidInputError naming the field
 */
export function checkRequest(request: SendRequest): void {
  const { at, expires, tag, relatedTo, idempotencyKey, from } = request
  if (request.template === undefined) checkText(request.text)
  if (request.class !== undefined) checkedClass(request.class)
  checkTimes(at, expires)
  checkShort('tag', tag)
  checkShort('relatedTo', relatedTo)
  checkShort('idempotencyKey', idempotencyKey)
  checkShort('from', from)
  if (request.options !== undefined) checkOptions(request.options)
  for (const name of ['params', 'extra', 'fields'] as const) {
    const value: unknown = request[name]
    const fault = value === undefined ? undefined : faultOfJsonObject(name, value, OBJECT_LIMITS)
    if (fault !== undefined) throw new InvalidInputError(fault)
  }
}

/**
 * Refuses what would be cancelled at once. Not asked of apps: one that works an old message may well come too late.
 * @param now milliseconds since 1970
 * @throws InvalidInputError
 */
export function refuseExpired({ expires }: Pick<SendRequest, 'expires'>, now: number): void {
  if (!(expires instanceof Date) || !(expires.getTime() <= now)) return
  throw new InvalidInputError(`expires: a time that is still to come is expected, not ${expires.toISOString()}`)
}

/**
 * @returns the identity without blanks around it
 * @throws InvalidInputError when it cannot be one
 */
export function checkedIdentity(given: unknown): string {
  const identity = typeof given === 'string' ? given.trim() : ''
  if (identity === '') throw new InvalidInputError('to: a number or identity is expected, not an empty text')
  if (identity.length <= LONGEST.identity) return identity
  throw new InvalidInputError(`to: at most ${LONGEST.identity} characters are allowed, not ${identity.length}`)
}

/**
 * What is recorded with a class that nobody knows would wait for ever.
 * @throws InvalidInputError naming the classes there are
 */
export function checkedClass(given: MessageClass): MessageClass {
  if (messageClasses.includes(given)) return given
  throw new InvalidInputError(`class: one of ${messageClasses.join(', ')} is expected, not "${given}"`)
}

function checkText(given: unknown): void {
  const texts = typeof given === 'object' && given !== null ? Object.values(given) : [given]
  for (const text of texts) {
    if (typeof text !== 'string') throw new InvalidInputError('text: a text is expected, or one for each language')
    if (text.length > LONGEST.text)
      throw new InvalidInputError(`text: at most ${LONGEST.text} characters are allowed, not ${text.length}`)
  }
}

function checkTimes(at: unknown, expires: unknown): void {
  for (const [name, time] of Object.entries({ at, expires })) {
    const isTime = time instanceof Date && Number.isFinite(time.getTime())
    if (time !== undefined && !isTime) throw new InvalidInputError(`${name}: a valid Date is expected`)
  }
  if (at instanceof Date && expires instanceof Date && expires <= at)
    throw new InvalidInputError('expires: a time after "at" is expected')
}

function checkShort(name: keyof typeof LONGEST, given: unknown): void {
  if (given === undefined) return
  if (typeof given !== 'string' || given === '') throw new InvalidInputError(`${name}: a text is expected`)
  if (given.length > LONGEST[name])
    throw new InvalidInputError(`${name}: at most ${LONGEST[name]} characters are allowed, not ${given.length}`)
}

function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw new InvalidInputError('options: an object is expected')
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    const fault = faultOfOption(name, value)
    if (fault !== undefined) throw new InvalidInputError(`options.${name}: ${fault}`)
  }
}

function faultOfOption(name: string, value: unknown): string | undefined {
  const kind = Object.entries(OPTIONS).find(([known]) => known === name)?.[1]
  switch (kind) {
    case undefined:
      return `there is no such option; there are ${optionNames.join(', ')}`
    case 'text': {
      const isFit = typeof value === 'string' && value !== '' && value.length <= LONGEST_SENDER_ID
      return isFit ? undefined : `a text of at most ${LONGEST_SENDER_ID} characters is expected`
    }
    case 'minutes': {
      const isFit = Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= LONGEST_VALIDITY
      return isFit ? undefined : `whole minutes from 1 to ${LONGEST_VALIDITY} are expected`
    }
    default:
      return typeof value === 'boolean' ? undefined : 'true or false is expected'
  }
}
