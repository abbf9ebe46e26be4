import { createHmac } from 'node:crypto'
import {
  AuthError,
  CreditError,
  codingOf,
  defineBackend,
  LimitsError,
  RequestError,
  type ViewRequest,
  type ViewTools,
} from 'sms-switchboard'
import {
  type ErrorTable,
  encodeForm,
  errorFromResponse,
  errorOfCode,
  incomingForm,
  incomingView,
  jsonOf,
  MessagePart,
  plainAnswer,
  type StateTable,
  secret,
  stateOf,
  statusView,
  timingSafeEqualText,
  unexpectedAnswer,
} from 'sms-switchboard/backends'
import { z } from 'zod'

const settings = z.strictObject({
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .default('https://api.acme.example')
    .describe('Where the service answers'),
  user: z.string().min(1).describe('The name of the account'),
  password: secret(z.string().min(1)).describe('Its password, which signs what comes in, too'),
  from: z.string().optional().describe('The sender, where a message names none'),
})
type Settings = z.output<typeof settings>

/** The service's codes, and its own words for them. */
const errors = {
  '1': [LimitsError, 'throttled'],
  '4': [AuthError, 'invalid credentials'],
  '6': [RequestError, 'unroutable'],
  '9': [CreditError, 'no credit'],
} satisfies ErrorTable

const states = {
  buffered: 'SENT',
  delivered: 'DELIVERED',
  failed: 'ERROR',
  expired: 'ERROR',
  unknown: 'UNKNOWN',
} satisfies StateTable

const incoming = incomingForm
  .extend({ ref: z.string().optional(), total: z.coerce.number().optional(), number: z.coerce.number().optional() })
  .transform(({ ref, total = 1, number = 1, ...message }) => {
    return ref === undefined ? message : { ...message, part: new MessagePart({ reference: ref, total, number }) }
  })

const report = z.object({ id: z.string(), status: z.string() })

function authorize(request: ViewRequest, { settings }: ViewTools<Settings>) {
  const signature = createHmac('sha256', settings.password).update(request.body).digest('hex')
  const isOurs = timingSafeEqualText(signature, request.headers['x-acme-signature'] ?? '')
  return isOurs ? undefined : plainAnswer('Forbidden', 403)
}

const taken = z.object({ status: z.coerce.string(), id: z.string().optional(), price: z.coerce.number().optional() })

/** Sends through Acme, and takes its messages and reports. */
export const acme = defineBackend({
  kind: 'acme',
  settings,
  reports: 'handset',
  views: {
    '': incomingView({
      methods: ['POST'],
      form: incoming,
      params: { identity: 'from', address: 'to', externalId: 'id' },
      authorize,
    }),
    status: statusView({
      methods: ['POST'],
      authorize,
      form: report,
      report({ id, status }) {
        const state = stateOf(states, status)
        return { externalId: id, code: status, ...(state === undefined ? {} : { state }) }
      },
    }),
  },
  async send(message, { settings: { baseUrl, user, password, from }, http, urls }) {
    const secrets = [password]
    const response = await http.request({
      method: 'POST',
      url: new URL('send', `${baseUrl}/`).href,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: encodeForm({
        user,
        password,
        to: message.identity,
        from: message.options.senderId ?? message.address ?? from,
        text: message.text,
        unicode: codingOf(message.text).coding === 'ucs2' ? 1 : undefined,
        report: urls.status,
      }),
    })
    if (response.status !== 200) throw errorFromResponse(response, 'Acme', secrets)
    const said = taken.safeParse(jsonOf(response, 'Acme', secrets))
    if (!said.success) throw unexpectedAnswer(response, 'Acme', secrets)
    const { status, id, price } = said.data
    if (status !== '0') throw errorOfCode(errors, status, { what: 'Acme', secrets })
    return {
      ...(id === undefined ? {} : { externalIds: [id] }),
      ...(price === undefined ? {} : { cost: price, currency: 'EUR' }),
    }
  },
})
