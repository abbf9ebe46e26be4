import { z } from 'zod'
import type { HttpResponse, SendResult } from '../router/backend.ts'
import { MessageSendError, type ProviderError } from '../router/errors.ts'
import { errorFromResponse } from './http-client.ts'
import { errorOfCode, jsonOf, unexpectedAnswer } from './provider-codes.ts'
import { vonageErrors } from './vonage-codes.ts'

const WHAT = 'Vonage'
/** Prices have eight decimal places; adding them up may bring more. */
const DECIMALS = 8
/** What Vonage's Account API says of its amounts. */
export const VONAGE_CURRENCY = 'EUR'

const text = z.union([z.string(), z.number().transform(String)]).nullish()

/** One part of the message. */
const part = z.object({
  status: z.union([z.string(), z.number().transform(String)]),
  'message-id': text,
  'error-text': text,
  'message-price': text,
  'remaining-balance': text,
  network: text,
})
type Part = z.output<typeof part>
const answer = z.object({ messages: z.array(part).min(1) })

/**
 * What Vonage said of each part of a message. Its status is 200 whatever it says.
 * @throws ProviderError of the first part that was refused. Where others were taken it is never tried again, since the
 * person would get those twice.
 */
export function resultOf(response: HttpResponse, secrets: readonly string[]): SendResult {
  if (response.status !== 200) throw errorFromResponse(response, WHAT, secrets)
  const said = answer.safeParse(jsonOf(response, WHAT, secrets))
  if (!said.success) throw unexpectedAnswer(response, WHAT, secrets)
  const parts = said.data.messages
  const refused = parts.find(({ status }) => status !== '0')
  if (refused !== undefined) throw refusalOf(refused, parts, secrets)
  const [{ network } = { network: undefined }] = parts
  const balance = parts.at(-1)?.['remaining-balance'] ?? ''
  return {
    externalIds: parts.flatMap(({ 'message-id': id }) => id || []),
    parts: parts.length,
    ...costOf(parts),
    ...(network ? { network } : {}),
    ...(balance === '' ? {} : { extra: { remainingBalance: balance } }),
  }
}

function refusalOf(refused: Part, parts: readonly Part[], secrets: readonly string[]): ProviderError {
  const error = errorOfCode(vonageErrors, refused.status, {
    what: WHAT,
    text: refused['error-text'] ?? undefined,
    secrets,
  })
  const taken = parts.filter(({ status }) => status === '0').length
  if (taken === 0) return error
  return new MessageSendError(`${error.message}; ${taken} of ${parts.length} parts were taken`, {
    ...(error.providerCode === null ? {} : { providerCode: error.providerCode }),
  })
}

function costOf(parts: readonly Part[]): Pick<SendResult, 'cost' | 'currency'> {
  const prices = parts.map(({ 'message-price': price }) => Number.parseFloat(price ?? ''))
  const cost = prices.reduce((sum, price) => sum + price, 0)
  return Number.isFinite(cost) ? { cost: Number(cost.toFixed(DECIMALS)), currency: VONAGE_CURRENCY } : {}
}
