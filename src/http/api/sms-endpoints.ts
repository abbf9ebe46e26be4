import { z } from 'zod'
import type { Clock } from '../../messages/clock.ts'
import type { TemplateUse } from '../../messages/template-use.ts'
import type { Router } from '../../router/router.ts'
import type { LaterRequests, SendValues, Submission } from '../../router/send-request.ts'
import { type ApiAnswer, Refusal } from './api-answer.ts'
import {
  date,
  line,
  nothing,
  oneOrMore,
  optionalLine,
  recipients,
  sendingFields,
  sms,
  wholeNumber,
} from './api-schemas.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import { InlineTemplates } from './inline-template.ts'
import { keyOf } from './keyed-answers.ts'
import { type Listing, SentPages } from './sent-pages.ts'
import { smsOf } from './sms-shapes.ts'
import { templateValues } from './template-values.ts'

export interface SmsParts {
  readonly router: Router
  readonly store: Listing
  readonly clock: Clock
  readonly mostRecipients: number
}

const LONGEST_TEXT = 100_000
const MOST_IDS = 100
const MOST_START = 100_000

const BACKEND = { backend: 'The name of a backend' }
const SENDERS = ['admin', 'operator', 'sender'] as const
const ALL = ['admin', 'operator', 'sender', 'reader'] as const
const NAMES = {
  ...{ to: 'to_msisdn', from: 'from_msisdn', text: 'message', at: 'send_at', expires: 'expires_at' },
  ...{ relatedTo: 'related_to', idempotencyKey: 'Idempotency-Key' },
}
const SENT_HEADERS = {
  'Idempotency-Replayed': '`true` where the request was one before: this is what the first came to',
  'Switchboard-Left-Out': 'How many recipients get nothing, by the rule of a stored template',
}

/** Sending, and what became of it: `/api/v1/sms/<backend>/…`. */
export function smsEndpoints(parts: SmsParts): readonly Endpoint[] {
  return [send(parts), templateSend(parts), status(parts), statuses(parts)]
}

const templateFields = {
  to_msisdn: recipients(1),
  template: optionalLine(10_000).describe('Liquid; `template_<name>` is what `{{name}}` stands for'),
  slug: optionalLine(100).describe('A stored template, in place of `template`'),
  ...sendingFields,
}

function templateBody(mostRecipients: number) {
  return z
    .object({ ...templateFields, to_msisdn: recipients(mostRecipients) })
    .catchall(z.unknown())
    .describe('Beside these, `template_<name>`: one value for each number, in the same order')
}

function send(parts: SmsParts): Endpoint {
  const body = z.strictObject({
    to_msisdn: recipients(parts.mostRecipients),
    message: line(LONGEST_TEXT),
    ...sendingFields,
  })
  return endpoint({
    id: 'send',
    method: 'POST',
    path: '/api/v1/sms/{backend}/send.json',
    summary: 'Send one text to one number or more; a number that is named twice gets it once',
    tag: 'messages',
    limit: 'send',
    roles: SENDERS,
    takesKey: true,
    params: BACKEND,
    refuses: ['IDEMPOTENCY_MISMATCH'],
    names: NAMES,
    headers: SENT_HEADERS,
    query: nothing,
    body,
    answer: z.array(sms),
    async handle({ params, user, body, idempotencyKey }) {
      const request = { ...common(params, body), to: body.to_msisdn, text: body.message }
      return sent(parts, await parts.router.submitAll([request], idempotencyKey && keyOf(user, idempotencyKey)))
    },
  })
}

function templateSend(parts: SmsParts): Endpoint {
  const inline = new InlineTemplates(parts.router.templates)
  return endpoint({
    id: 'templateSend',
    method: 'POST',
    path: '/api/v1/sms/{backend}/template_send.json',
    summary: 'Send each number a text of its own; the values and the numbers are paired by their places',
    tag: 'messages',
    limit: 'send',
    roles: SENDERS,
    takesKey: true,
    params: BACKEND,
    refuses: ['IDEMPOTENCY_MISMATCH'],
    names: { ...NAMES, template: 'slug' },
    headers: SENT_HEADERS,
    query: nothing,
    body: templateBody(parts.mostRecipients),
    answer: z.array(sms),
    async handle({ params, user, body, idempotencyKey }) {
      const personal = personalOf(body)
      const values = common(params, body)
      const requests: LaterRequests = {
        asked: { ...values, to: body.to_msisdn, ...personal },
        async make() {
          const texts = await textsOf(inline, personal)
          return body.to_msisdn.map((to, index) => ({ ...values, to, ...textAt(texts, index) }))
        },
      }
      return sent(parts, await parts.router.submitAll(requests, idempotencyKey && keyOf(user, idempotencyKey)))
    },
  })
}

type PersonalText = { readonly text: string } | { readonly template: TemplateUse }

function textAt(texts: readonly PersonalText[], index: number): PersonalText {
  return texts[index] ?? { text: '' }
}

/** A template, one of both, and the values of each number. */
type Personal = ({ readonly template: string } | { readonly slug: string }) & {
  readonly contexts: readonly Readonly<Record<string, string>>[]
}

function personalOf(body: z.output<ReturnType<typeof templateBody>>): Personal {
  const { template, slug } = body
  const contexts = templateValues(body, new Set(Object.keys(templateFields)), body.to_msisdn.length)
  if (template !== undefined && slug === undefined) return { template, contexts }
  if (slug !== undefined && template === undefined) return { slug, contexts }
  const fault = 'a template or the slug of a stored one is expected'
  throw new Refusal('INVALID_INPUT', `template: ${fault}`, { fields: { template: fault } })
}

/** Of an inline template the text for each number, of a stored one what it is to be filled with. */
async function textsOf(inline: InlineTemplates, { contexts, ...from }: Personal): Promise<readonly PersonalText[]> {
  if ('slug' in from) return contexts.map((context) => ({ template: { slug: from.slug, context } }))
  return (await inline.rendered(from.template, contexts)).map((text) => ({ text }))
}

function status({ store }: SmsParts): Endpoint {
  return endpoint({
    id: 'status',
    method: 'GET',
    path: '/api/v1/sms/{backend}/status/{id}.json',
    summary: 'What became of one message',
    tag: 'messages',
    limit: 'read',
    roles: ALL,
    params: { ...BACKEND, id: 'The id that sending answered' },
    refuses: [],
    query: nothing,
    answer: sms,
    async handle({ params }) {
      const [found] = await store.listing.outgoing([params['id'] ?? ''])
      if (found === undefined || found.backend !== params['backend']) {
        throw new Refusal('NOT_FOUND', 'There is no such message of this backend.')
      }
      return { body: smsOf(found) }
    },
  })
}

function statuses({ store, clock }: SmsParts): Endpoint {
  const pages = new SentPages(store, clock)
  const query = z.strictObject({
    id: oneOrMore(line(100), MOST_IDS).optional().describe('The messages with these ids'),
    since: date().optional().describe('Messages sent since then; for 30 days by default'),
    start: wholeNumber(0, MOST_START).default(0).describe('How many of the newest to pass over'),
    before: optionalLine(100).describe('Only those sent before the message with this id: the next page'),
  })
  return endpoint({
    id: 'statuses',
    method: 'GET',
    path: '/api/v1/sms/{backend}/status.json',
    summary: 'What became of messages: those with the ids, or those sent since a date; 100 at the most, newest first',
    tag: 'messages',
    limit: 'read',
    roles: ALL,
    params: BACKEND,
    refuses: [],
    headers: { Link: 'The next page, where there is one' },
    query,
    answer: z.array(sms),
    async handle({ params: { backend = '' }, query }) {
      if (query.id === undefined) return pages.page(backend, query)
      const found = await store.listing.outgoing([...new Set(query.id)])
      const own = found.filter((message) => message.backend === backend).sort((a, b) => b.seq - a.seq)
      return { body: own.map(smsOf) }
    },
  })
}

type Common = { readonly [Name in keyof typeof sendingFields]?: z.output<(typeof sendingFields)[Name]> | undefined }

function common(
  { backend = '' }: Readonly<Record<string, string>>,
  { from_msisdn: from, class: messageClass, tag, related_to: relatedTo, send_at: at, expires_at: expires }: Common,
): Omit<SendValues, 'to'> {
  return {
    backend,
    ...(from === undefined ? {} : { from }),
    ...(messageClass === undefined ? {} : { class: messageClass }),
    ...(tag === undefined ? {} : { tag }),
    ...(relatedTo === undefined ? {} : { relatedTo }),
    ...(at === undefined ? {} : { at: new Date(at) }),
    ...(expires === undefined ? {} : { expires: new Date(expires) }),
  }
}

/** Read back, since what was recorded may differ from what was given: numbers in one form, texts by the rules. */
async function sent({ store }: SmsParts, submission: Submission): Promise<Omit<ApiAnswer, 'status'>> {
  const { messages, leftOut, isRepeat } = submission
  const found = await store.listing.outgoing(messages.map(({ id }) => id))
  const byId = new Map(found.map((message) => [message.id, message]))
  return {
    headers: {
      ...(isRepeat ? { 'Idempotency-Replayed': 'true' } : {}),
      ...(leftOut.length === 0 ? {} : { 'Switchboard-Left-Out': String(leftOut.length) }),
    },
    body: messages.flatMap(({ id }) => byId.get(id) ?? []).map(smsOf),
  }
}
