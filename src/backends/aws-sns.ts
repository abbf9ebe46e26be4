import { z } from 'zod'
import type { Fields } from '../messages/incoming.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { ViewAnswer, ViewRequest, ViewTools } from '../router/backend.ts'
import { ProviderError } from '../router/errors.ts'
import { SnsApi } from './aws-sns-api.ts'
import { snsEvents, snsLogStates } from './aws-sns-codes.ts'
import { type AwsSnsSettings, awsSnsSettings } from './aws-sns-settings.ts'
import { isSignedBySns, SnsCertificates, type SnsEnvelope, snsEnvelope, snsRegionOf } from './aws-sns-signature.ts'
import { type RequestValues, UnreadableRequest } from './body.ts'
import { type BackendInput, type CommonBackendInput, defineBackend } from './define.ts'
import { incomingForm, plainText } from './form.ts'
import { encodeForm } from './form-bytes.ts'
import { errorFromResponse } from './http-client.ts'
import { standingOf } from './provider-codes.ts'
import { checked, incomingView, plainAnswer, statusView } from './view.ts'

type Tools = ViewTools<AwsSnsSettings>

/**
 * AWS: texts by the SNS API to phone numbers; what comes in, and what became of what was sent, by notifications of SNS
 * topics over HTTP. https://docs.aws.amazon.com/sns/latest/dg/sns-mobile-phone-number-as-subscriber.html
 */
export function awsSns(input?: z.input<typeof awsSnsSettings> & CommonBackendInput): BackendInput {
  const api = new SnsApi()
  const certificates = new SnsCertificates()
  const authorize = (request: ViewRequest, tools: Tools) => answerBefore(request, tools, certificates)
  return defineBackend({
    kind: 'awsSns',
    settings: awsSnsSettings,
    reports: 'handset',
    views: {
      '': incomingView({
        methods: ['POST'],
        authorize,
        read: readMessage,
        form: incoming,
        params: {
          identity: 'originationNumber',
          address: 'destinationNumber',
          text: 'messageBody',
          externalId: 'inboundMessageId',
        },
      }),
      status: statusView({ methods: ['POST'], authorize, read: readMessage, form: report, report: reportOf }),
    },
    send: (message, { settings, http }) => api.publish(message, settings, http),
    methods: {
      /** Whether a number has opted out, by AWS's own list. */
      isOptedOut: ({ settings, http }, number) => api.isOptedOut(String(number), settings, http),
      /** All numbers of that list. */
      optedOut: ({ settings, http }) => api.optedOut(settings, http),
      /** Takes a number from that list; AWS allows it once in 30 days. */
      optIn: ({ settings, http }, number) => api.optIn(String(number), settings, http),
    },
  })(input)
}

/** What is answered to all but a notification that SNS signed, of one of the topics. */
async function answerBefore(
  request: ViewRequest,
  tools: Tools,
  certificates: SnsCertificates,
): Promise<ViewAnswer | undefined> {
  const { settings, http, logger, backend } = tools
  const envelope = await checked(snsEnvelope, jsonObject(request.body, ''))
  // First of all, as nothing is fetched for a stranger.
  if (!settings.topics.includes(envelope.TopicArn)) return plainAnswer('Forbidden', 403)
  try {
    const key = await certificates.keyOf(envelope, http, settings.certificates)
    if (key === undefined || !isSignedBySns(envelope, key)) return plainAnswer('Forbidden', 403)
    if (envelope.Type === 'Notification') return undefined
    if (envelope.Type === 'SubscriptionConfirmation') await confirm(envelope, tools)
    logger.info({ backend, topic: envelope.TopicArn, type: envelope.Type }, 'SNS says that a subscription changed')
    return plainAnswer('')
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
    logger.warn({ backend, err: error }, 'SNS could not be asked; it is told to come again')
    const answer = plainAnswer('Service Unavailable', 503)
    return { ...answer, headers: { ...answer.headers, 'retry-after': '5' } }
  }
}

const CONFIRM_LIMIT_MS = 10_000

/** The URL is made here, of what was signed, so that nobody can have us visit another. */
async function confirm({ TopicArn, Token }: SnsEnvelope, { settings, http, logger, backend }: Tools): Promise<void> {
  const domain = TopicArn.startsWith('arn:aws-cn:') ? 'amazonaws.com.cn' : 'amazonaws.com'
  const base = settings.endpoint ?? `https://sns.${snsRegionOf(TopicArn)}.${domain}`
  const query = encodeForm({ Action: 'ConfirmSubscription', TopicArn, Token: Token ?? '' })
  const response = await http.request({ url: `${base.replace(/\/+$/, '')}/?${query}`, timeLimit: CONFIRM_LIMIT_MS })
  if (response.status !== 200) {
    const error = errorFromResponse(response, 'SNS')
    if (error.retry) throw error
    logger.warn({ backend, topic: TopicArn, status: response.status }, 'a subscription could not be confirmed')
  }
}

function jsonObject(bytes: Uint8Array | string, field: string): RequestValues {
  const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UnreadableRequest(400, 'valid JSON is expected', field)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new UnreadableRequest(400, 'a JSON object is expected', field)
}

/** What stands in the notification, with the notification's id where it has none of its own. */
function readMessage({ body }: ViewRequest): RequestValues {
  const { Message, MessageId } = snsEnvelope.parse(jsonObject(body, ''))
  return { inboundMessageId: MessageId, ...jsonObject(Message, 'Message') }
}

const word = z.union([plainText, z.number().transform(String)], 'a text is expected')

const incoming = incomingForm.extend({
  text: z.string('a text is expected').trim().pipe(plainText),
  messageKeyword: word.optional(),
  previousPublishedMessageId: word.optional(),
})

const id = word.pipe(z.string().min(1, 'may not be empty').max(1024))

/** An event of AWS End User Messaging, or a line of the delivery log of SNS that was put into a topic. */
const report = z.looseObject({
  messageId: id.optional(),
  notification: z.looseObject({ messageId: id }).optional(),
  delivery: z.looseObject({}).optional(),
})
type Report = z.output<typeof report>

function reportOf({ inboundMessageId: _, ...values }: Report): DeliveryReport | undefined {
  const { notification, delivery = {}, ...event } = values
  if (notification !== undefined) return loggedReport(notification.messageId, event['status'], delivery)
  const { messageId, eventType, destinationPhoneNumber, messageStatusDescription, ...rest } = event
  // A topic may carry other things as well: they are of no message of ours.
  if (messageId === undefined) return undefined
  const code = textOf(eventType)
  return reportWith(messageId, standingOf(snsEvents, code), {
    code,
    text: textOf(messageStatusDescription),
    identity: textOf(destinationPhoneNumber),
    fields: rest,
  })
}

function loggedReport(externalId: string, status: unknown, delivery: Fields): DeliveryReport {
  const { destination, providerResponse, ...rest } = delivery
  const code = textOf(status)
  // The phone itself answered.
  const isAcknowledged = code === 'SUCCESS' && typeof rest['dwellTimeMsUntilDeviceAck'] === 'number'
  return reportWith(externalId, isAcknowledged ? { state: 'DELIVERED' } : standingOf(snsLogStates, code), {
    code,
    text: textOf(providerResponse),
    identity: textOf(destination),
    fields: rest,
  })
}

interface Said {
  readonly code: string
  readonly text: string
  readonly identity: string
  readonly fields: Fields
}

type Standing = Pick<DeliveryReport, 'state' | 'expired'>

function reportWith(externalId: string, standing: Standing, said: Said): DeliveryReport {
  const { code, text, identity, fields } = said
  const plain = Object.entries(fields).filter(([, value]) => /^(string|number|boolean)$/.test(typeof value))
  return {
    externalId,
    ...standing,
    ...(identity === '' ? {} : { identity }),
    ...(code === '' ? {} : { code }),
    ...(text === '' ? {} : { text }),
    fields: Object.fromEntries(plain),
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
