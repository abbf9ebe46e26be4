import type { HttpResponse, ViewRequest } from '../router/backend.ts'
import { MessageSendError, ServerError } from '../router/errors.ts'
import { UnreadableRequest } from './body.ts'
import { decodeText } from './charset.ts'
import { decodeForm } from './form-bytes.ts'
import { excerptOf } from './http-client.ts'
import { unexpectedAnswer } from './provider-codes.ts'
import { elementsOf, escapeXml, textOf, type XmlElement, xmlOf } from './xml.ts'

/**
 * The XML that Opera posts: as the body, under whatever type, or in the form value `XmlMsg`.
 * @throws UnreadableRequest 400 when there is none
 */
export function postedXml(request: ViewRequest): string {
  const isXml = /^(?:\u00ef\u00bb\u00bf)?\s*</.test(Buffer.from(request.body.subarray(0, 100)).toString('latin1'))
  const text = isXml ? decodeText(request.body, charsetOf(request)) : decodeForm(request.body, 'utf-8')['XmlMsg']
  if (typeof text !== 'string' || text.trim() === '') throw new UnreadableRequest(400, 'XmlMsg missing.')
  return text.replace(/^\ufeff/, '').trim()
}

/** What the XML says of itself, else what the request says of it. */
function charsetOf({ body, headers }: ViewRequest): string {
  const head = Buffer.from(body.subarray(0, 200)).toString('latin1')
  const own = /^[^<]*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/i.exec(head)?.[1]
  return own ?? /charset\s*=\s*"?([\w.:-]+)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8'
}

/** Without `<!DOCTYPE receipts>`, which names the root and nothing more; one that says more is left for `parseXml` to refuse. */
export function withoutDoctype(xml: string): string {
  return xml.replace(/^(<\?xml[^>]*\?>)?\s*<!DOCTYPE\s+[\w.:-]+\s*>/i, '$1')
}

/** A value of XML-RPC. */
export type RpcValue = string | number | Date | Uint8Array

/** A call of XML-RPC with one struct, its values written as `xmlrpc.Proxy` of Twisted writes them. */
export function rpcCall(method: string, struct: Readonly<Record<string, RpcValue>>): string {
  const members = Object.entries(struct).map(
    ([name, value]) => `<member><name>${escapeXml(name)}</name><value>${rpcValue(value)}</value></member>`,
  )
  const call = `<methodName>${method}</methodName><params><param><value><struct>${members.join('')}</struct></value></param></params>`
  return `<?xml version="1.0" encoding="UTF-8"?><methodCall>${call}</methodCall>`
}

function rpcValue(value: RpcValue): string {
  if (typeof value === 'string') return `<string>${escapeXml(value)}</string>`
  if (typeof value === 'number') return `<int>${value}</int>`
  if (value instanceof Date) return `<dateTime.iso8601>${compact(value)}</dateTime.iso8601>`
  return `<base64>${Buffer.from(value).toString('base64')}</base64>`
}

/** `20100604T15:51:25`, in UTC. */
function compact(date: Date): string {
  return date.toISOString().slice(0, 19).replaceAll('-', '')
}

/**
 * One member of the struct that a call was answered with.
 * @throws ServerError for a fault, which Vumi takes for temporary; MessageSendError where there is no such member
 */
export function rpcMember(response: HttpResponse, name: string, what: string, secrets: readonly string[]): string {
  const root = xmlOf(response, what, secrets)
  const [fault] = elementsOf(root, 'fault')
  if (fault !== undefined) throw faultOf(fault, what, secrets)
  const value = memberOf(root, name)
  if (value === undefined || value === '') throw unexpectedAnswer(response, what, secrets)
  if (value.length > LONGEST_ID)
    throw new MessageSendError(`${what} answered with an id of ${value.length} characters.`)
  return value
}

const LONGEST_ID = 255

function faultOf(fault: XmlElement, what: string, secrets: readonly string[]): ServerError {
  const code = excerptOf(memberOf(fault, 'faultCode') ?? 'fault', secrets)
  const text = excerptOf(memberOf(fault, 'faultString') ?? '', secrets)
  return new ServerError(`${what} answered with a fault: ${text}`, { providerCode: code })
}

/** A value stands in an element of its type, or alone when it is a string. */
function memberOf(root: XmlElement, name: string): string | undefined {
  const member = elementsOf(root, 'member').find((each) => textOf(each, 'name') === name)
  const [value] = member === undefined ? [] : elementsOf(member, 'value')
  return value === undefined ? undefined : (value.children[0]?.text ?? value.text).trim()
}
