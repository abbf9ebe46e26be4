import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { BatchOutcome, CheckedMessage, SendResult } from '../router/backend.ts'
import { ConnectionError, type ProviderError } from '../router/errors.ts'
import { escapeXml } from './xml.ts'

/** Messages that one question for states names at the most. */
const MOST_ASKED = 100

/** What a service says of the messages of one request: a code by each id that we gave. */
export type CodesById = ReadonlyMap<string, string>

/**
 * The id we give a message, by which the service answers and reports. The same at every attempt.
 * @param prefix keeps apart the systems that share an account
 * @param own an id that the message's parameters name, which overrides
 */
export function givenId(prefix: string, { id }: Pick<OutgoingMessage, 'id'>, own?: unknown): string {
  if ((typeof own === 'string' && own !== '') || typeof own === 'number') return String(own)
  return prefix === '' ? id : `${prefix}-${id}`
}

/** With a plus sign, where it is a number with its country code; all else is left as it is. */
export function withPlus(identity: string): string {
  return identity.trim().replace(/^(?:00)?(?=[1-9]\d{9,14}$)/, '+')
}

/** The parameters of a message whose names XML can have, as escaped texts; booleans are 1 and 0. */
export function xmlParams(params: OutgoingMessage['params']): readonly (readonly [name: string, value: string])[] {
  return Object.entries(params)
    .filter(([name, value]) => /^[A-Za-z_][\w.-]*$/.test(name) && value !== undefined && value !== null)
    .map(([name, value]) => [name, escapeXml(written(value))])
}

function written(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/**
 * What came of each message of a batch. One that the answer does not name may have been taken all the same.
 * @param weigh what a code stands for: a result, or the error it is
 */
export function outcomesById(
  given: readonly { readonly id: string; readonly message: OutgoingMessage }[],
  codes: CodesById,
  what: string,
  weigh: (code: string, message: OutgoingMessage) => Omit<SendResult, 'externalIds'> | ProviderError,
): readonly BatchOutcome[] {
  return given.map(({ id, message }) => {
    const code = codes.get(id)
    if (code === undefined) return { error: unnamed(what) }
    const weighed = weigh(code, message)
    return weighed instanceof Error ? { error: weighed } : { result: { externalIds: [id], ...weighed } }
  })
}

function unnamed(what: string): ProviderError {
  return new ConnectionError(`${what} did not say what became of the message.`, { outcomeUnknown: true })
}

/**
 * Asks for the states of messages by their ids, some at a time.
 * @returns a report for each id that the service has named
 */
export async function askById(
  messages: readonly CheckedMessage[],
  ask: (ids: readonly string[]) => Promise<CodesById>,
  reportOf: (code: string) => Omit<DeliveryReport, 'externalId'>,
): Promise<readonly DeliveryReport[]> {
  const ids = [...new Set(messages.flatMap(({ externalIds }) => externalIds))]
  const reports: DeliveryReport[] = []
  for (let from = 0; from < ids.length; from += MOST_ASKED) {
    const some = ids.slice(from, from + MOST_ASKED)
    const codes = await ask(some)
    for (const externalId of some) {
      const code = codes.get(externalId)
      if (code !== undefined) reports.push({ externalId, ...reportOf(code) })
    }
  }
  return reports
}

/** A code is a number; what is none says nothing. */
export function isCode(text: string): boolean {
  return /^-?\d{1,9}$/.test(text)
}
