import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { HttpResponse, SendTools } from '../router/backend.ts'
import { RequestError } from '../router/errors.ts'
import { errorFromResponse } from './http-client.ts'
import { type ErrorTable, errorOfCode, jsonOf, unexpectedAnswer } from './provider-codes.ts'
import { auth, isSuccess, jsonHeaders, password, secretsOf, url, withoutSlash } from './vumi-http.ts'
import type { Dialogue } from './vumi-replies.ts'

const WHAT = 'Junebug'

export const junebugSettings = z.strictObject({
  api: z.literal('junebug').describe('The HTTP API of Junebug'),
  baseUrl: url.describe('Where Junebug answers'),
  channel: z.string().min(1).describe('The id of the channel'),
  auth,
  token: password
    .optional()
    .describe('The mo_url_auth_token of the channel: messages and events have to show it; it is given for events, too'),
  from: z.string().min(1).optional().describe('The sender, where a message names none'),
})
export type JunebugSettings = z.output<typeof junebugSettings>
type Tools = SendTools<JunebugSettings>

/** The types of Junebug's errors (junebug/channel.py, junebug/validate.py), with status 400 or 404. */
const errors = {
  ChannelNotFound: [RequestError, 'there is no such channel'],
  MessageNotFound: [RequestError, 'the message that this replies to is not known any more'],
  MessageTooLong: [RequestError, "longer than the channel's character_limit"],
  ApiUsageError: [RequestError, 'the request is not valid'],
  JsonDecodeError: [RequestError, 'the request is not JSON'],
} satisfies ErrorTable

const envelope = z.looseObject({ result: z.unknown() })
const oneError = z.looseObject({ type: z.string(), message: z.string().catch('') })
const refused = z.looseObject({ result: z.looseObject({ errors: z.array(oneError) }) })

/**
 * The body that sends a message. A reply names no recipient: Junebug takes it from the message it replies to, and
 * refuses both.
 */
export function junebugBody(message: OutgoingMessage, tools: Tools, event: Dialogue['event'], inReplyTo?: string) {
  const { identity, address, text, options, params } = message
  const { settings, urls } = tools
  const from = options.senderId ?? address ?? settings.from ?? null
  return {
    ...(inReplyTo === undefined ? { to: identity, from } : { reply_to: inReplyTo }),
    content: text,
    ...(urls.status === undefined || options.statusReport === false ? {} : eventsTo(urls.status, settings.token)),
    ...(options.escalate === true ? { priority: 5 } : {}),
    ...(event === null ? {} : { channel_data: { continue_session: event === 'resume' } }),
    ...params,
  }
}

function eventsTo(event_url: string, token: string | undefined) {
  return { event_url, ...(token === undefined ? {} : { event_auth_token: token }) }
}

/** Asks the channel: GET, or POST where there is a body. */
export function askJunebug({ settings, http }: Tools, path: string, body?: object): Promise<HttpResponse> {
  const { baseUrl, channel, auth: given } = settings
  return http.request({
    url: `${withoutSlash(baseUrl)}/channels/${encodeURIComponent(channel)}${path}`,
    headers: jsonHeaders(given),
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  })
}

export function junebugSecrets({ auth: given, token }: JunebugSettings): readonly string[] {
  return [...secretsOf(given), ...(token === undefined ? [] : [token])]
}

/**
 * The `result` in the envelope of every answer.
 * @throws ProviderError what the answer says of an error
 */
export function junebugResult(response: HttpResponse, secrets: readonly string[]): unknown {
  if (isSuccess(response)) {
    const said = envelope.safeParse(jsonOf(response, WHAT, secrets))
    if (!said.success) throw unexpectedAnswer(response, WHAT, secrets)
    return said.data.result
  }
  const [first] = refused.safeParse(parsed(response.text())).data?.result.errors ?? []
  if (first === undefined || !Object.hasOwn(errors, first.type)) throw errorFromResponse(response, WHAT, secrets)
  throw errorOfCode(errors, first.type, { what: WHAT, text: first.message, secrets })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
