import { z } from 'zod'
import type { HttpClient, ViewAnswer, ViewRequest, ViewTools } from '../router/backend.ts'
import { RequestError, UnsupportedError } from '../router/errors.ts'
import { type RequestValues, readValues, UnreadableRequest } from './body.ts'
import { answerOf, errorBody, type OtherSide } from './forward-errors.ts'
import { unexpectedAnswer } from './provider-codes.ts'
import { type FieldErrors, jsonAnswer } from './view.ts'

/** The URL of the other side; user and password for basic authentication may stand in it, percent-encoded. */
export const peerUrl = z.url({
  protocol: /^https?$/,
  error: 'a URL such as https://user:password@sms.example.org/backends/fwd is expected',
})

export interface Asking<Answer> {
  /** The other side's, as the settings have it. */
  readonly url: string
  readonly path: 'im' | 'status'
  readonly body: unknown
  readonly what: string
  /** What it answers when it took it. */
  readonly expected: z.ZodType<Answer>
  /** What an exception stands for that only Python knows. */
  readonly otherwise: OtherSide['otherwise']
}

/**
 * Posts to the other side.
 * @throws ProviderError of the class that was thrown there
 */
export async function askPeer<Answer>(
  http: HttpClient,
  { url, path, body, what, expected, otherwise }: Asking<Answer>,
): Promise<Answer> {
  const target = new URL(url)
  const user = decoded(target.username)
  const password = decoded(target.password)
  target.username = ''
  target.password = ''
  target.pathname = `${target.pathname.replace(/\/+$/, '')}/${path}`
  const credentials = Buffer.from(`${user}:${password}`, 'utf8').toString('base64')
  const response = await http.request({
    method: 'POST',
    url: target.href,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(user === '' ? {} : { authorization: `Basic ${credentials}` }),
    },
    body: JSON.stringify(body),
  })
  const secrets = user === '' ? [] : [password, credentials]
  const said = expected.safeParse(answerOf(response, { what, secrets, otherwise }))
  if (!said.success) throw unexpectedAnswer(response, what, secrets)
  return said.data
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** JSON, of POST only. */
export function readJson(request: ViewRequest): RequestValues {
  const values = readValues(request, 'utf-8')
  if (/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return values
  throw new UnreadableRequest(415, 'Content-Type: application/json is expected')
}

/** What is answered to a message that has been here before; undefined for any other. */
export async function circleAnswer(
  via: readonly string[],
  { backend, find, logger }: Pick<ViewTools<unknown>, 'backend' | 'find' | 'logger'>,
): Promise<ViewAnswer | undefined> {
  for (const id of via) {
    if ((await find(id)) === undefined) continue
    logger.warn({ backend, id }, 'refused: the message was forwarded in a circle')
    return jsonAnswer(errorBody(new UnsupportedError('The message has been here before: it goes in a circle.')), 400)
  }
  return undefined
}

/** A refusal that Python raises as its own `RequestError`. */
export function refuse(_request: ViewRequest, status: number, errors: FieldErrors): ViewAnswer {
  const said = Object.entries(errors).map(([field, texts]) => `${field === '' ? '' : `${field}: `}${texts.join(', ')}`)
  return jsonAnswer(errorBody(new RequestError(said.join('; '))), status)
}
