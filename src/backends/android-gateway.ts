import { z } from 'zod'
import type { ViewAnswer, ViewRequest, ViewTools } from '../router/backend.ts'
import { deviceState, devicesOf, noteDevice, numeric } from './android-gateway-devices.ts'
import { errorsAnswer, readValues, UnreadableRequest } from './body.ts'
import { defineBackend, IN_PROCESS } from './define.ts'
import { identityField, incomingForm, plainText } from './form.ts'
import { confirmView } from './outbox-view.ts'
import { secret } from './secret.ts'
import { timingSafeEqualText } from './signature.ts'
import { checked, incomingView, jsonAnswer, view } from './view.ts'

const MOST_LEASED = 100

const settings = z.strictObject({
  devices: secret(
    z
      .record(
        z.string().regex(/^[\w.-]{1,50}$/, 'a name of up to 50 letters, digits, . - or _ is expected'),
        z.string().regex(/^[\w.~+/=-]{16,200}$/, '16 or more letters, digits or . _ ~ + / = - are expected'),
      )
      .refine((devices) => Object.keys(devices).length > 0, 'at least one device is expected')
      .refine(
        (devices) => new Set(Object.values(devices)).size === Object.keys(devices).length,
        'each device has to have a token of its own',
      ),
  ).describe('The phones: the token of each, by its name'),
  leaseTime: z
    .int()
    .min(1_000)
    .max(86_400_000)
    .default(300_000)
    .describe('Milliseconds until a message that a phone fetched and did not confirm is given again'),
})
type Settings = z.output<typeof settings>

/** The phone's name by its token; undefined where the request shows none that is known. */
function deviceOf({ headers }: ViewRequest, { devices }: Settings): string | undefined {
  const token = tokenOf(headers)
  // All are compared, so that the time tells nothing.
  const matching = Object.entries(devices).filter(([, own]) => timingSafeEqualText(own, token ?? ''))
  return matching[0]?.[0]
}

function tokenOf(headers: ViewRequest['headers']): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers['authorization'] ?? '')?.[1]
}

/** 401 where no token is shown, 403 where it is of no phone. */
function refusal(request: ViewRequest, { backend, logger }: ViewTools<Settings>): ViewAnswer {
  const status = tokenOf(request.headers) === undefined ? 401 : 403
  logger.info({ backend, status, ip: request.ip }, 'a phone without a token that is known')
  const said = status === 401 ? 'Bearer and the token of the phone are expected' : 'the token is of no phone'
  const answer = errorsAnswer(request, status, { authorization: [said] })
  return status === 401 ? { ...answer, headers: { ...answer.headers, 'www-authenticate': 'Bearer' } } : answer
}

function authorize(request: ViewRequest, tools: ViewTools<Settings>): ViewAnswer | undefined {
  return deviceOf(request, tools.settings) === undefined ? refusal(request, tools) : undefined
}

const DEVICE = 'device'

/** What a phone received. Its ids are its own, so that only together with its name they are one of a kind. */
const incoming = incomingForm
  .extend({
    externalId: identityField,
    [DEVICE]: z.string(),
    receivedAt: z.union([plainText, z.number()]).nullish(),
    sim: z.union([plainText, z.number()]).nullish(),
  })
  .transform(({ externalId, receivedAt, sim, device, ...message }) => ({
    ...message,
    externalId: `${device}/${externalId}`,
    device,
    ...(receivedAt === undefined || receivedAt === null ? {} : { receivedAt }),
    ...(sim === undefined || sim === null ? {} : { sim }),
  }))

/** What a phone asks for, and what it says of itself; a heartbeat that makes no sense must not keep messages from it. */
const asking = deviceState.extend({
  limit: numeric.pipe(z.int().min(1).max(MOST_LEASED)).default(10),
})

const confirmation = z.object({
  id: identityField,
  state: z.enum(['SENT', 'DELIVERED', 'ERROR']),
  code: z.union([plainText.max(255), z.number().transform(String)]).nullish(),
  text: plainText.max(1_000).nullish(),
})

const outbox = view<Settings>(['GET', 'POST'], async (request, tools) => {
  const device = deviceOf(request, tools.settings)
  if (device === undefined) return refusal(request, tools)
  const { limit, ...state } = await checked(asking, readValues(request, 'utf-8'))
  await noteDevice(device, state, tools)
  const { leaseTime } = tools.settings
  const messages = await tools.outbox.lease(device, limit, leaseTime)
  const answer = jsonAnswer({
    messages: messages.map(({ id, identity, address, text, tries }) => ({
      id,
      to: identity,
      from: address,
      text,
      tries,
    })),
    leaseTime,
  })
  return { ...answer, headers: { ...answer.headers, 'cache-control': 'no-store' } }
})

/**
 * Phones that fetch what they are to send and hand in what they received, by the protocol of
 * docs/backends/android-gateway.md.
 */
export const androidGateway = defineBackend({
  kind: 'androidGateway',
  settings,
  reports: 'handset',
  removesDuplicates: true,
  concurrency: IN_PROCESS,
  views: {
    incoming: incomingView<z.output<typeof incoming>, Settings>({
      methods: ['POST'],
      form: incoming,
      params: { identity: 'from', address: 'to', externalId: 'id' },
      authorize,
      read(request, { settings: own }) {
        const device = deviceOf(request, own)
        if (device === undefined) throw new UnreadableRequest(400, 'is of no phone', 'authorization')
        return { ...readValues(request, 'utf-8'), [DEVICE]: device }
      },
      reply: ({ id, duplicate }) => jsonAnswer({ id, duplicate }),
    }),
    outbox,
    confirm: confirmView<{ messages: z.output<typeof confirmation>[] }, Settings>({
      form: z.object({ messages: z.array(confirmation).max(1_000) }),
      authorize,
      confirmations: ({ messages }) =>
        messages.map(({ id, state, code, text }) => ({ id, state, code: code ?? undefined, text: text ?? undefined })),
    }),
  },
  send: (message, { outbox: waiting }) => waiting.add(message),
  methods: { devices: (tools) => devicesOf(Object.keys(tools.settings.devices), tools) },
})
