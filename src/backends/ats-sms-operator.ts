import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { BatchOutcome, CheckedMessage, SendTools, ViewAnswer, ViewRequest, ViewTools } from '../router/backend.ts'
import { ATS_KNOWN_ID, atsErrors, atsStates } from './ats-sms-operator-codes.ts'
import { askById, type CodesById, givenId, isCode, outcomesById, withPlus, xmlParams } from './batch-by-id.ts'
import { UnreadableRequest } from './body.ts'
import { defineBackend } from './define.ts'
import { incomingForm, plainText } from './form.ts'
import { errorFromResponse } from './http-client.ts'
import { parameterOf } from './multipart.ts'
import { type ErrorTable, errorOfCode, stateOf, unexpectedAnswer } from './provider-codes.ts'
import { secret } from './secret.ts'
import { checked, plainAnswer, RefusedRequest, view } from './view.ts'
import { elementsOf, escapeXml, parseXml, type XmlElement, xmlAnswer, xmlOf } from './xml.ts'

const WHAT = 'ATS'
const DECLARATION = '<?xml version="1.0" encoding="UTF-8" ?>'
/** How far back a repeated message is compared with what came before. */
const LOOKED_BACK = 100

const settings = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .default('https://fik.atspraha.cz/gwfcgi/XMLServerWrapper.fcgi')
    .describe('Where the service answers'),
  username: z.string().min(1).describe('The name of the account'),
  password: secret(z.string().min(1)).describe('Its password'),
  from: z.string().min(1).describe('The sender where a message names none: a short code'),
  keyword: z.string().min(1).describe('The keyword of the project at ATS'),
  prefix: z.string().default('').describe('Before the ids of messages, where several systems share the account'),
  operatorId: z.string().default('').describe('Sent as `opmid`'),
  textId: z.string().min(1).optional().describe('Sent as `textid`, where the account has one'),
  validity: z.int().min(1).default(60).describe('Minutes to keep trying, where a message does not say'),
  removeAccents: z.boolean().default(false).describe('Sends á as a, and so on for all Latin letters'),
  sources: z
    .array(z.union([z.ipv4(), z.ipv6()], 'an IP address is expected, and no network'))
    .default(['80.188.94.234'])
    .describe('The IP addresses that messages may come from; an empty list: any'),
})
type Settings = z.output<typeof settings>

/**
 * ATS Praha, as the open-source clients pymess and django-ats-sms-operator use it; ATS has published nothing.
 * It refuses an id that was used before, so an attempt whose answer never came is simply made again.
 */
export const atsSmsOperator = defineBackend({
  kind: 'atsSmsOperator',
  settings,
  reports: 'handset',
  removesDuplicates: true,
  views: { '': view(['POST'], take) },
  sendBatch,
  idsOf: (message, { settings: { prefix } }) => [givenId(prefix, message, message.params['uniq'])],
  checkStates,
})

async function sendBatch(
  messages: readonly OutgoingMessage[],
  tools: SendTools<Settings>,
): Promise<readonly BatchOutcome[]> {
  const { settings: own } = tools
  const given = messages.map((message) => ({ message, id: givenId(own.prefix, message, message.params['uniq']) }))
  const codes = await ask(given.map(({ message, id }) => smsOf(message, id, own)).join('\n'), tools)
  return outcomesById(given, codes, WHAT, (code, message) => {
    // The attempt before this one has arrived, although we never heard so.
    if (code === ATS_KNOWN_ID && message.tries > 0) return {}
    const state = Object.hasOwn(atsErrors, code) ? undefined : stateOf(atsStates, code)
    return state === undefined ? errorOf(code, own) : { state }
  })
}

/** Parameters of a message override its attributes; `order` and `billing` are those of its body. */
function smsOf({ identity, address, text, options, params }: OutgoingMessage, id: string, own: Settings): string {
  const { order = '0', billing = '0', ...others } = Object.fromEntries(xmlParams(params))
  const attributes = {
    type: 'text',
    uniq: escapeXml(id),
    sender: escapeXml((options.senderId ?? address ?? own.from).replace(/\s/g, '')),
    recipient: escapeXml(withPlus(identity)),
    opmid: escapeXml(own.operatorId),
    dlr: options.statusReport === false ? '0' : '1',
    validity: String(Math.max(1, Math.round(options.validity ?? own.validity))),
    kw: escapeXml(own.keyword),
    ...(own.textId === undefined ? {} : { textid: escapeXml(own.textId) }),
    ...others,
  }
  const all = Object.entries(attributes).map(([name, value]) => `${name}="${value}"`)
  const said = escapeXml(own.removeAccents ? withoutAccents(text) : text)
  return `<sms ${all.join(' ')}><body order="${order}" billing="${billing}">${said}</body></sms>`
}

/** Of Latin letters alone: elsewhere marks are letters of their own. */
function withoutAccents(text: string): string {
  return text
    .normalize('NFD')
    .replace(/(\p{Script=Latin})\p{M}+/gu, '$1')
    .normalize('NFC')
}

function checkStates(
  messages: readonly CheckedMessage[],
  tools: SendTools<Settings>,
): Promise<readonly DeliveryReport[]> {
  return askById(
    messages,
    (ids) => ask(ids.map((id) => `<dlr uniq="${escapeXml(id)}">${escapeXml(id)}</dlr>`).join('\n'), tools),
    (code) => {
      const state = stateOf(atsStates, code) ?? (Object.hasOwn(atsErrors, code) ? 'ERROR' : undefined)
      const [, text] = errorsByCode[code] ?? []
      return { ...(state === undefined ? {} : { state }), code, ...(text === undefined ? {} : { text }) }
    },
  )
}

const errorsByCode: ErrorTable = atsErrors

/** @throws ProviderError for a code without an id, which is that of the request as a whole */
async function ask(content: string, { settings: own, http }: SendTools<Settings>): Promise<CodesById> {
  const secrets = secretsOf(own)
  const auth = `<auth><name>${escapeXml(own.username)}</name><password>${escapeXml(own.password)}</password></auth>`
  const response = await http.request({
    method: 'POST',
    url: own.url,
    headers: { 'content-type': 'text/xml' },
    body: `${DECLARATION}\n<messages>\n${auth}\n${content}\n</messages>`,
  })
  if (response.status !== 200) throw errorFromResponse(response, WHAT, secrets)
  const root = xmlOf(response, WHAT, secrets)
  const said = elementsOf(root, 'code').filter(({ text }) => isCode(text.trim()))
  const codes = new Map(said.flatMap((code) => idAndCode(code)))
  const refusal = said.find(({ attributes }) => !attributes.has('uniq'))
  if (codes.size > 0) return codes
  if (refusal !== undefined) throw errorOf(refusal.text.trim(), own)
  throw unexpectedAnswer(response, WHAT, secrets)
}

function idAndCode({ attributes, text }: XmlElement): readonly (readonly [string, string])[] {
  const id = attributes.get('uniq')
  return id === undefined ? [] : [[id, text.trim()]]
}

function errorOf(code: string, own: Settings) {
  return errorOfCode(atsErrors, code, { what: WHAT, secrets: secretsOf(own) })
}

function secretsOf({ password }: Settings): readonly string[] {
  return [password, escapeXml(password)]
}

/** Several messages in a request, each answered by a code: 23 taken, 24 not. */
async function take(request: ViewRequest, tools: ViewTools<Settings>): Promise<ViewAnswer> {
  const { sources } = tools.settings
  const client = request.ip.replace(/^::ffff:/i, '')
  if (sources.length > 0 && !sources.includes(client)) return plainAnswer('Forbidden', 403)
  const charset = parameterOf(request.headers['content-type'] ?? '', 'charset') ?? 'utf-8'
  const found = elementsOf(parseXml(request.body, charset), 'sms')
  if (found.length === 0) throw new UnreadableRequest(400, 'No sms element was found.')
  const codes: string[] = []
  for (const sms of found) {
    const code = (await isTaken(sms, tools)) ? '23' : '24'
    codes.push(`<code uniq="${escapeXml(sms.attributes.get('uniq') ?? '')}">${code}</code>`)
  }
  return xmlAnswer(`${DECLARATION}\n<status>\n${codes.join('\n')}\n</status>`)
}

const detail = plainText.optional().transform((value) => (value === '' ? undefined : value))
const incoming = incomingForm.extend({
  externalId: plainText.trim().min(1).max(1024),
  text: plainText.transform((text) => text.trim()),
  okey: detail,
  opid: detail,
  opmid: detail,
  ts: detail,
})

/** The same again is taken again; another message under a known id is not. */
async function isTaken({ attributes, text }: XmlElement, tools: ViewTools<Settings>): Promise<boolean> {
  const { sender, recipient, uniq, ...given } = Object.fromEntries(attributes)
  const values = { ...given, identity: sender, address: recipient, externalId: uniq, text }
  try {
    const { okey, opid, opmid, ts, ...message } = await checked(incoming, values)
    const { identity, externalId, address } = message
    const said = Object.entries({ okey, opid, opmid, ts }).filter(([, value]) => value !== undefined)
    const { duplicate } = await tools.receive({
      identity,
      text: message.text,
      externalId,
      fields: Object.fromEntries(said),
      ...(address === undefined ? {} : { address }),
    })
    if (!duplicate) return true
    const known = await tools.conversation(identity, LOOKED_BACK)
    const first = known.find((each) => each.direction === 'in' && each.externalId === externalId)
    return first === undefined || first.text === message.text
  } catch (error) {
    if (!(error instanceof RefusedRequest)) throw error
    return false
  }
}
