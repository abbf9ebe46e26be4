import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { BatchOutcome, HttpResponse, SendTools, ViewAnswer, ViewRequest, ViewTools } from '../router/backend.ts'
import { ConnectionError, LimitsError, type ProviderError, UnsupportedError } from '../router/errors.ts'
import { askEach } from './ask-each.ts'
import { sendInGroups } from './batch-groups.ts'
import { type BackendInput, defineBackend } from './define.ts'
import { errorFromResponse, excerptOf } from './http-client.ts'
import { jsonOf, unexpectedAnswer } from './provider-codes.ts'
import { timingSafeEqualText } from './signature.ts'
import { checked, incomingView, plainAnswer, statusView, view } from './view.ts'
import { auth, idIn, isSuccess, jsonHeaders, password, secretsOf, url, withoutSlash } from './vumi-http.ts'
import {
  askJunebug,
  type JunebugSettings,
  junebugBody,
  junebugResult,
  junebugSecrets,
  junebugSettings,
} from './vumi-junebug.ts'
import {
  junebugCheck,
  junebugEvent,
  junebugHealth,
  junebugMessage,
  junebugReport,
  junebugStatus,
  readJson,
  userMessage,
  vumiEvent,
  vumiReport,
} from './vumi-messages.ts'
import { dialogueOf, giveReply } from './vumi-replies.ts'

const userMessages = incomingView({ methods: ['POST'], form: userMessage, read: readJson, reply: '' })

const goSettings = z.strictObject({
  api: z
    .literal('go', '"go", "junebug" or "relay" is expected')
    .describe('The HTTP API of Vumi Go, or of vumi-http-api'),
  baseUrl: url
    .default('https://go.vumi.org/api/v1/go/http_api_nostream')
    .describe('Where the API answers, without the conversation'),
  account: z.string().min(1).describe('The key of the account'),
  token: password.describe('An access token of the conversation'),
  conversation: z.string().min(1).describe('The key of the conversation'),
})

/** What Vumi Go says beside HTTP's own statuses: the status, its words, the error. */
const goRefusals = [
  [400, /has opted out/i, UnsupportedError],
  [403, /too many concurrent/i, LimitsError],
] as const

const go = defineBackend({
  kind: 'vumi',
  settings: goSettings,
  reports: 'handset',
  views: {
    '': userMessages,
    status: statusView({ methods: ['POST'], form: vumiEvent, read: readJson, report: vumiReport }),
  },
  async send(message, { settings: { baseUrl, account, token, conversation }, http }) {
    const keys = { user: account, password: token }
    const dialogue = dialogueOf(message, 'from_addr')
    const response = await giveReply(dialogue, (inReplyTo) =>
      http.request({
        method: 'PUT',
        url: `${withoutSlash(baseUrl)}/${encodeURIComponent(conversation)}/messages.json`,
        headers: jsonHeaders(keys),
        body: JSON.stringify({
          to_addr: message.identity,
          content: message.text,
          in_reply_to: inReplyTo ?? null,
          session_event: dialogue.event,
          ...message.params,
        }),
      }),
    )
    const secrets = secretsOf(keys)
    if (!isSuccess(response)) throw goError(response, secrets)
    return { externalIds: [idIn(jsonOf(response, 'Vumi', secrets), response, secrets)] }
  },
})

function goError(response: HttpResponse, secrets: readonly string[]): ProviderError {
  const [, , ErrorOfWords] =
    goRefusals.find(([status, words]) => response.status === status && words.test(response.text())) ?? []
  const error = errorFromResponse(response, 'Vumi', secrets)
  return ErrorOfWords === undefined ? error : new ErrorOfWords(error.message, { providerCode: `${response.status}` })
}

function authorize({ headers }: ViewRequest, { settings: { token } }: ViewTools<JunebugSettings>) {
  const isAllowed = token === undefined || timingSafeEqualText(headers['authorization'] ?? '', `Token ${token}`)
  return isAllowed ? undefined : plainAnswer('Forbidden', 403)
}

/** For the log alone. Junebug shows no token here. */
async function noteHealth(request: ViewRequest, { backend, logger }: ViewTools<JunebugSettings>): Promise<ViewAnswer> {
  const said = await checked(junebugHealth, readJson(request))
  const { component, status, type, reason } = shortened({ ...said, reason: said.message })
  logger[status === 'ok' ? 'info' : 'warn']({ backend, component, status, type, reason }, 'the channel changed')
  return plainAnswer('')
}

function shortened(words: Readonly<Record<string, string | undefined>>) {
  return Object.fromEntries(Object.entries(words).map(([name, word]) => [name, excerptOf(word ?? '')]))
}

const junebug = defineBackend({
  kind: 'vumi',
  settings: junebugSettings,
  reports: 'handset',
  views: {
    '': incomingView({ methods: ['POST'], form: junebugMessage, read: readJson, authorize, reply: '' }),
    status: statusView({ methods: ['POST'], form: junebugEvent, read: readJson, authorize, report: junebugReport }),
    channel: view(['POST'], noteHealth),
  },
  async send(message, tools) {
    const dialogue = dialogueOf(message, 'from')
    const response = await giveReply(dialogue, (inReplyTo) =>
      askJunebug(tools, '/messages/', junebugBody(message, tools, dialogue.event, inReplyTo)),
    )
    const secrets = junebugSecrets(tools.settings)
    return { externalIds: [idIn(junebugResult(response, secrets), response, secrets)] }
  },
  checkStates: (messages, tools) =>
    askEach(messages, tools, async (id) => {
      const response = await askJunebug(tools, `/messages/${encodeURIComponent(id)}`)
      const found = response.status === 404 ? undefined : junebugResult(response, junebugSecrets(tools.settings))
      const status = junebugStatus.safeParse(found)
      return status.success ? junebugCheck(id, status.data) : undefined
    }),
  methods: {
    /** How the channel is: `{ status: 'ok' | 'degraded' | 'down', components, … }`, its rates among the rest. */
    channelStatus: async (tools) => {
      const secrets = junebugSecrets(tools.settings)
      const response = await askJunebug(tools, '')
      const found = z.looseObject({ status: z.looseObject({}) }).safeParse(junebugResult(response, secrets))
      if (!found.success) throw unexpectedAnswer(response, 'Junebug', secrets)
      return found.data.status
    },
  },
})

const relaySettings = z.strictObject({
  api: z.literal('relay').describe("Vumi's relay for RapidSMS"),
  url: url.describe('Where the relay takes messages'),
  auth,
  endpoint: z.string().min(1).optional().describe('The endpoint of Vumi that messages leave by'),
  extra: z.record(z.string(), z.json()).default({}).describe('Values sent along with each message'),
})
type RelaySettings = z.output<typeof relaySettings>

const relayed = z.array(z.looseObject({ message_id: z.string().min(1), to_addr: z.string() }))

const relay = defineBackend({
  kind: 'vumi',
  settings: relaySettings,
  views: { '': userMessages },
  reports: 'none',
  sendBatch: (messages, tools) =>
    sendInGroups(
      messages,
      ({ id, inResponseTo, text, address, options, params }) =>
        inResponseTo === null ? JSON.stringify([text, options.senderId ?? address, params]) : id,
      (group) => relayGroup(group, tools),
    ),
})

async function relayGroup(
  group: readonly OutgoingMessage[],
  { settings, http }: SendTools<RelaySettings>,
): Promise<readonly BatchOutcome[]> {
  const [first] = group
  if (first === undefined) return []
  const headers = jsonHeaders(settings.auth)
  const secrets = secretsOf(settings.auth)
  const from = first.options.senderId ?? first.address
  const response = await giveReply(dialogueOf(first, 'from_addr'), (inReplyTo) => {
    const body = {
      ...settings.extra,
      content: first.text,
      to_addr: group.map(({ identity }) => identity),
      session_event: null,
      ...(group.length === 1 ? { metadata: { rapidsms_msg_id: first.id } } : {}),
      ...(inReplyTo === undefined ? {} : { in_reply_to: inReplyTo }),
      ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
      ...(from === null ? {} : { from_addr: from }),
      ...first.params,
    }
    return http.request({ method: 'POST', url: settings.url, headers, body: JSON.stringify(body) })
  })
  if (!isSuccess(response)) throw errorFromResponse(response, 'The relay', secrets)
  const said = relayed.safeParse(jsonOf(response, 'The relay', secrets))
  if (!said.success) throw unexpectedAnswer(response, 'The relay', secrets)
  const ids = new Map(said.data.map(({ to_addr, message_id }) => [to_addr, message_id]))
  // The relay, or a transport behind it, may write a number in its own way.
  const only = group.length === 1 && said.data.length === 1 ? said.data[0]?.message_id : undefined
  return group.map(({ identity }) => {
    const id = only ?? ids.get(identity)
    return id === undefined ? { error: unnamed() } : { result: { externalIds: [id] } }
  })
}

/** It has taken the request, and may well have sent this message, too. */
function unnamed(): ProviderError {
  return new ConnectionError('The relay answered without a word about this recipient.', { outcomeUnknown: true })
}

type VumiInput = NonNullable<Parameters<typeof go>[0] | Parameters<typeof junebug>[0] | Parameters<typeof relay>[0]>

/**
 * Vumi, by one of its three doors: `api: 'go'`, the HTTP API of Vumi Go; `'junebug'`; `'relay'`, the application that
 * Vumi has for RapidSMS. USSD sessions come in as `fields.session`, and a response is the reply that is shown in them.
 */
export function vumi(input: VumiInput): BackendInput {
  switch (input?.api) {
    case 'junebug':
      return junebug(input)
    case 'relay':
      return relay(input)
    default:
      return go(input)
  }
}
