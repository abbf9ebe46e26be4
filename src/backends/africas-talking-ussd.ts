import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { Received, ViewAnswer, ViewTools } from '../router/backend.ts'
import type { AfricasTalkingSettings } from './africas-talking-settings.ts'
import { optionalWord } from './africas-talking-words.ts'
import { identityField, plainText } from './form.ts'
import { incomingView, plainAnswer } from './view.ts'

/** Africa's Talking, "USSD": operators show 160 to 182 characters. */
const LONGEST_USSD = 182
const LONGEST_INPUT = 10_000

/** A step of a session. `text` is all that was entered so far, joined by `*`; empty when the code was dialled. */
const step = z
  .object({
    sessionId: identityField,
    phoneNumber: identityField,
    serviceCode: identityField,
    text: plainText.max(LONGEST_INPUT).default(''),
    networkCode: optionalWord,
  })
  .transform(({ sessionId, phoneNumber, serviceCode, text: input, networkCode }) => ({
    identity: phoneNumber,
    address: serviceCode,
    text: lastOf(input).trim(),
    externalId: stepId(sessionId, input),
    session: { id: sessionId, event: input === '' ? 'new' : 'resume' },
    input,
    ...(networkCode === undefined ? {} : { networkCode }),
  }))

/** A person's own `*` cannot be told from those of the service: what stands behind the last one is taken. */
function lastOf(input: string): string {
  return input.slice(input.lastIndexOf('*') + 1)
}

/** The input grows with each step, so that the same input again is the same request again. */
function stepId(sessionId: string, input: string): string {
  return `${sessionId}/${createHash('sha256').update(input, 'utf8').digest('hex').slice(0, 16)}`
}

/** The view of a USSD code: each request is answered with what the apps responded. */
export const ussdView = incomingView<z.output<typeof step>, AfricasTalkingSettings>({
  methods: ['POST'],
  form: step,
  wait: ({ settings }) => settings.ussd.wait,
  reply: answerOf,
})

function answerOf(
  { id, responses = [] }: Received,
  _values: unknown,
  { settings, backend, logger }: ViewTools<AfricasTalkingSettings>,
): ViewAnswer {
  if (responses.length === 0) return plainAnswer(`END ${settings.ussd.fallback}`)
  const text = responses.map((response) => response.text).join('\n')
  const { length } = Array.from(text)
  if (length > LONGEST_USSD) logger.warn({ id, backend, length }, 'a USSD text that operators may cut or refuse')
  return plainAnswer(`${responses.some(({ end }) => end) ? 'END' : 'CON'} ${text}`)
}

/** What the service tells when a session is over, whoever ended it. */
const ending = z
  .object({
    sessionId: identityField,
    phoneNumber: identityField,
    serviceCode: identityField,
    networkCode: optionalWord,
    status: optionalWord,
    cost: optionalWord,
    durationInMillis: optionalWord,
    hopsCount: optionalWord,
    input: optionalWord,
    lastAppResponse: optionalWord,
    errorMessage: optionalWord,
  })
  .transform(({ sessionId, phoneNumber, serviceCode, ...fields }) => ({
    ...fields,
    identity: phoneNumber,
    address: serviceCode,
    text: '',
    externalId: `${sessionId}/close`,
    session: { id: sessionId, event: 'close' },
  }))

/** The view of the notices that a session is over. */
export const sessionView = incomingView({ methods: ['POST'], form: ending, reply: '' })

/** A message from a USSD code belongs to a session: the service takes none but in its answer to a request. */
export function isUssd({ address }: OutgoingMessage): boolean {
  return address?.startsWith('*') ?? false
}

/** Whether the message answers the notice that a session is over. */
export function isAfterClose({ fields }: OutgoingMessage): boolean {
  return closed.safeParse(fields).success
}

const closed = z.looseObject({ session: z.looseObject({ event: z.literal('close') }) })
