import { createHash, createHmac } from 'node:crypto'
import { parse, stringify } from 'node:querystring'
import type { ViewRequest } from '../router/backend.ts'
import { formPairs } from './form-bytes.ts'
import { timingSafeEqualText } from './signature.ts'

const SHA1_BASE64 = /^[A-Za-z0-9+/]{27}=$/
/** Far above what Twilio sends: each form of the URL costs one pass over it. */
const LONGEST_VALUES = 64 * 1024

/**
 * Whether Twilio signed a request with the account's token, by the header X-Twilio-Signature: HMAC-SHA1 of the URL that
 * Twilio called and the values of a form. The URL is tried in all forms that proxies turn into the one we see.
 * @throws UnreadableRequest when the request has more than 1,000 values
 */
export function isSignedByTwilio(request: ViewRequest, token: string): boolean {
  const signature = request.headers['x-twilio-signature'] ?? ''
  if (!SHA1_BASE64.test(signature)) return false
  const values = signedValues(request)
  if (values === undefined || values.length > LONGEST_VALUES) return false
  return urlForms(request).some((url) => timingSafeEqualText(twilioSignature(token, url + values), signature))
}

function twilioSignature(token: string, data: string): string {
  return createHmac('sha1', token).update(data, 'utf8').digest('base64')
}

/** What follows the URL in the signed text; undefined when the body is not what was signed. */
function signedValues(request: ViewRequest): string | undefined {
  const hash = formPairs(request.rawQuery).find(([name]) => name === 'bodySHA256')?.[1]
  if (hash !== undefined) {
    const own = createHash('sha256').update(request.body).digest('hex')
    return timingSafeEqualText(own, Buffer.from(hash).toString('latin1').toLowerCase()) ? '' : undefined
  }
  if (request.method === 'GET') return ''
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '')
  return isForm ? sortedValues(request.body) : undefined
}

/** By name, then by value; of a value that comes twice under one name, one. */
function sortedValues(body: Uint8Array): string {
  const values = new Map<string, Set<string>>()
  for (const [name, bytes] of formPairs(body)) {
    const known = values.get(name) ?? new Set()
    values.set(name, known.add(Buffer.from(bytes).toString('utf8')))
  }
  return [...values.keys()]
    .sort()
    .flatMap((name) => [...(values.get(name) ?? [])].sort().map((value) => name + value))
    .join('')
}

const URL_PARTS = /^https?:\/\/(?:[^/?#]*@)?(\[[^\]/?#]*\]|[^/?#:]*)(?::(\d+))?(.*)$/is
const STANDARD_PORTS = { https: ':443', http: ':80' } as const

/**
 * The URLs that Twilio may have called for this request: a proxy that ends TLS hides the scheme, many hide the port or
 * add it, and Twilio's own services differ in how they write the query (as twilio-node's validateRequest knows).
 */
function urlForms({ url, headers }: ViewRequest): readonly string[] {
  const [, host = '', port, rest = ''] = URL_PARTS.exec(url) ?? []
  const users = ['', ...basicCredentials(headers['authorization'])]
  const rests = [rest, ...encodedAgain(url)]
  const forms = (['https', 'http'] as const).flatMap((scheme) =>
    ['', STANDARD_PORTS[scheme], ...(port === undefined ? [] : [`:${port}`])].flatMap((shownPort) =>
      users.flatMap((user) => rests.map((shownRest) => `${scheme}://${user}${host}${shownPort}${shownRest}`)),
    ),
  )
  return [...new Set(forms)]
}

/** Credentials that were set in the URL arrive as a header. */
function basicCredentials(authorization: string | undefined): readonly string[] {
  const [, encoded] = /^Basic ([A-Za-z0-9+/=]{1,1000})$/i.exec(authorization ?? '') ?? []
  return encoded === undefined ? [] : [`${Buffer.from(encoded, 'base64').toString('utf8')}@`]
}

/** Path and query as `new URL` writes them, and with the query as Node's `querystring` does. */
function encodedAgain(url: string): readonly string[] {
  if (!URL.canParse(url)) return []
  const { pathname, search } = new URL(url)
  return search === '' ? [pathname] : [pathname + search, `${pathname}?${stringify(parse(search.slice(1)))}`]
}
