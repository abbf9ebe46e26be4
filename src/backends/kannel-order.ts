import { codingOf } from '../messages/coding.ts'
import { isGsmText } from '../messages/gsm.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { HttpResponse, SendTools } from '../router/backend.ts'
import { RequestError, UnsupportedError } from '../router/errors.ts'
import { decodeText, encodeText } from './charset.ts'
import { encodeForm } from './form-bytes.ts'
import type { KannelSettings } from './kannel-settings.ts'

type Tools = SendTools<KannelSettings>

const ALL_REPORTS = 31
/** Of 0 to 3. */
const HIGHEST_PRIORITY = 3

/** The names are those of RapidSMS where it has one; Kannel fills in what stands after a percent sign. */
const REPORT_VALUES = 'status=%d&status_text=%A&smsc=%i&foreign_id=%F&sms_id=%I&date_sent=%t&identity=%p'

/** One request to Kannel, still without its recipients. */
export interface Order {
  readonly values: Readonly<Record<string, string | number | undefined>>
  readonly text: string
  /** Where reports go; undefined when none are asked for. */
  readonly statusUrl: string | undefined
}

/**
 * @throws UnsupportedError for characters that cannot be carried, where the settings say so; RequestError for a number
 * that Kannel would take for several
 */
export function orderOf(message: OutgoingMessage, { settings, urls }: Pick<Tools, 'settings' | 'urls'>): Order {
  const { identity, address, options, params, fields, inResponseTo } = message
  if (/\s/.test(identity)) throw new RequestError('A number with a blank in it cannot be sent to.')
  const { username, password, sendsmsParams, charset } = settings
  const text = carried(message.text, settings)
  const cameBy = inResponseTo !== null && typeof fields['smsc'] === 'string' ? fields['smsc'] : undefined
  const wanted = options.statusReport === true && settings.dlrMask === 0 ? ALL_REPORTS : settings.dlrMask
  const mask = options.statusReport === false ? 0 : wanted
  const statusUrl = mask === 0 ? undefined : (settings.statusUrl ?? urls.status)
  const own = {
    username,
    password,
    from: options.senderId ?? address ?? settings.from,
    smsc: settings.smsc ?? sendsmsParams['smsc'] ?? cameBy,
    charset,
    coding: settings.coding === 'auto' ? neededCoding(text) : String(settings.coding),
    validity: options.validity,
    priority: options.escalate === true ? HIGHEST_PRIORITY : undefined,
    'dlr-mask': statusUrl === undefined ? undefined : mask,
  }
  const given = Object.entries(own).filter(([, value]) => value !== undefined)
  return { values: { ...sendsmsParams, ...Object.fromEntries(given), ...plain(params) }, text, statusUrl }
}

export function neededCoding(text: string): string {
  return codingOf(text).coding === 'gsm7' ? '0' : '2'
}

function plain(params: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const entries = Object.entries(params).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)]),
  )
}

/** The text with what charset and coding cannot carry dealt with: Kannel itself makes question marks of it. */
function carried(text: string, { charset, coding, encodeErrors }: KannelSettings): string {
  const isCarried = (part: string) =>
    (coding !== 0 || isGsmText(part)) && decodeText(encodeText(part, charset), charset) === part
  if (isCarried(text)) return text
  if (encodeErrors === 'refuse') {
    throw new UnsupportedError(`The text has characters that ${charset} with coding ${coding} cannot carry.`)
  }
  return Array.from(text, (char) => (isCarried(char) ? char : encodeErrors === 'replace' ? '?' : '')).join('')
}

export function ask(order: Order, to: readonly string[], id: string, { settings, http }: Tools): Promise<HttpResponse> {
  const { values, text, statusUrl } = order
  const reportUrl = statusUrl === undefined ? undefined : dlrUrl(statusUrl, id, to.length > 1)
  const url = new URL(settings.sendsmsUrl)
  const query = [
    encodeForm({ to: to.join(' '), 'dlr-url': reportUrl, ...values }),
    ...('text' in values ? [] : [encodeForm({ text }, settings.charset)]),
  ]
  url.search = [url.search.slice(1), ...query].filter((part) => part !== '').join('&')
  return http.request({ url: url.href, headers: settings.headers })
}

/**
 * Kannel's answer has no id of the message, so our own stands in the URL that it calls; with several recipients, so
 * does who each report is about. A percent sign of ours is doubled, since Kannel reads it as the begin of its escapes.
 */
function dlrUrl(statusUrl: string, id: string, isBatch: boolean): string {
  const join = statusUrl.includes('?') ? '&' : '?'
  return `${statusUrl.replaceAll('%', '%%')}${join}message_id=${id}${isBatch ? '&batch=1' : ''}&${REPORT_VALUES}`
}

export function secretsOf({ password, sendsmsParams, headers }: KannelSettings): readonly string[] {
  return [...(password === undefined ? [] : [password]), ...Object.values(sendsmsParams), ...Object.values(headers)]
}

export function personOf(identity: string): string {
  return identity.replace(/^(\+|00)/, '')
}

export function idInBatch(id: string, identity: string): string {
  return `${id}/${personOf(identity)}`
}
