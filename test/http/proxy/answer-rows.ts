import { from, type ProxyInput } from '../../support/proxy.ts'

/** A request, and its answers in both modes. */
export interface Row {
  readonly what: string
  readonly ask: string
  readonly init?: RequestInit
  /** How often it is asked before. */
  readonly before?: number
  readonly proxy?: ProxyInput
  readonly service?: 'refuses' | 'hangs'
  readonly compat: readonly [status: number, body: object]
  readonly plain: readonly [status: number, body: object]
  /** Messages that leave. */
  readonly sends?: number
}

const NUMBER = '+49 176 12345678'
const error = (name: string, more: object = {}) => ({ status: 'error', error: name, ...more })
const form = (values: Record<string, string>): RequestInit => ({ method: 'POST', body: new URLSearchParams(values) })
const json = (values: object): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(values),
  headers: { 'content-type': 'application/json' },
})
const sent = { compat: [200, { status: 'ok', message: 'Message sent', number: NUMBER }] as const, sends: 1 }
const plainSent = [200, { status: 'ok', message: 'Message sent', number: NUMBER }] as const
const both = (status: number, body: object) => ({ compat: [status, body] as const, plain: [status, body] as const })

export const rows: readonly Row[] = [
  { what: 'a message', ask: '/message/?receiver=017612345678', ...sent, plain: plainSent },
  { what: 'a message without the last slash', ask: '/message?receiver=017612345678', ...sent, plain: plainSent },
  {
    what: 'a message by a form',
    ask: '/message/',
    init: form({ receiver: '0176 123-45678' }),
    ...sent,
    plain: plainSent,
  },
  {
    what: 'a message by JSON',
    ask: '/message/',
    init: json({ receiver: '+4917612345678' }),
    ...sent,
    plain: plainSent,
  },
  {
    what: 'a message by a bare POST',
    ask: '/message/?receiver=004917612345678',
    init: { method: 'POST' },
    ...sent,
    plain: plainSent,
  },
  {
    what: 'a named country',
    ask: '/message/?receiver=0712345678&country=ke',
    compat: [200, { status: 'ok', message: 'Message sent', number: '+254 712 345678' }],
    plain: [200, { status: 'ok', message: 'Message sent', number: '+254 712 345678' }],
    sends: 1,
  },
  {
    what: 'no receiver',
    ask: '/message/',
    compat: [200, error('receiver_missing')],
    plain: [400, error('receiver_missing')],
  },
  {
    what: 'an empty receiver',
    ask: '/message/?receiver=+',
    compat: [200, error('receiver_missing')],
    plain: [400, error('receiver_missing')],
  },
  {
    what: 'no number',
    ask: '/message/?receiver=hello',
    compat: [200, error('receiver_validation')],
    plain: [400, error('receiver_invalid')],
  },
  {
    what: 'a receiver that is no text',
    ask: '/message/',
    init: json({ receiver: { $ne: 1 } }),
    compat: [200, error('receiver_validation')],
    plain: [400, error('receiver_invalid')],
  },
  {
    what: 'a country that is none',
    ask: '/message/?receiver=017612345678&country=XX',
    compat: [200, error('receiver_validation')],
    plain: [400, error('receiver_invalid')],
  },
  {
    what: 'a premium number',
    ask: '/message/?receiver=09001234567',
    compat: [200, error('receiver_validation')],
    plain: [400, error('receiver_invalid')],
  },
  {
    what: 'a country that is not sent to',
    ask: '/message/?receiver=%2B254712345678',
    proxy: { allowedCountries: ['DE'] },
    compat: [200, error('receiver_validation')],
    plain: [400, error('receiver_invalid')],
  },
  {
    what: 'too many requests of a client',
    ask: '/message/',
    before: 10,
    compat: [200, error('limit_acceded')],
    plain: [429, error('limit_exceeded')],
  },
  {
    what: 'too many messages to a number',
    ask: '/message/?receiver=017612345678',
    before: 1,
    proxy: { limits: { perNumber: { amount: 1 } } },
    compat: [200, error('limit_acceded')],
    plain: [429, error('limit_exceeded')],
    sends: 1,
  },
  {
    what: 'too many messages at all',
    ask: '/message/?receiver=017612345678',
    before: 1,
    proxy: { limits: { total: { amount: 1 } } },
    compat: [200, error('limit_acceded')],
    plain: [429, error('limit_exceeded')],
    sends: 1,
  },
  {
    what: 'a service that refuses',
    ask: '/message/?receiver=017612345678',
    service: 'refuses',
    compat: [200, error('nexmo_error', { message: 'Nexmo Service Error', number: NUMBER })],
    plain: [502, error('service_error', { message: 'The message was not sent', number: NUMBER })],
    sends: 1,
  },
  {
    what: 'a service that takes its time',
    ask: '/message/?receiver=017612345678',
    service: 'hangs',
    proxy: { answerLimit: 50 },
    compat: sent.compat,
    plain: [202, { status: 'ok', message: 'Message accepted', number: NUMBER }],
  },
  {
    what: 'an answer that does not wait',
    ask: '/message/?receiver=017612345678',
    proxy: { answerLimit: 0 },
    compat: sent.compat,
    plain: [202, { status: 'ok', message: 'Message accepted', number: NUMBER }],
  },
  {
    what: 'a field that only programs fill',
    ask: '/message/?receiver=017612345678&website=x',
    proxy: { honeypot: 'website' },
    compat: sent.compat,
    plain: plainSent,
    sends: 0,
  },
  {
    what: 'a field that people leave empty',
    ask: '/message/?receiver=017612345678&website=',
    proxy: { honeypot: 'website' },
    ...sent,
    plain: plainSent,
  },
  {
    what: 'a challenge that is passed',
    ask: '/message/?receiver=017612345678&captcha=yes',
    proxy: { challenge: ({ values }) => values['captcha'] === 'yes' },
    ...sent,
    plain: plainSent,
  },
  {
    what: 'a challenge that is not passed',
    ask: '/message/?receiver=017612345678',
    proxy: { challenge: async () => false },
    compat: [200, error('challenge_failed')],
    plain: [403, error('challenge_failed')],
  },
  {
    what: 'a challenge that fails',
    ask: '/message/?receiver=017612345678',
    proxy: {
      challenge: () => {
        throw new Error('the CAPTCHA is away')
      },
    },
    ...both(503, error('unavailable')),
  },
  {
    what: 'a number',
    ask: '/validate_number/?number=017612345678',
    compat: [200, { status: 'ok', number: NUMBER }],
    plain: [200, { status: 'ok', valid: true, number: NUMBER }],
  },
  {
    what: 'a number by a form',
    ask: '/validate_number/',
    init: form({ number: '017612345678' }),
    compat: [200, { status: 'ok', number: NUMBER }],
    plain: [200, { status: 'ok', valid: true, number: NUMBER }],
  },
  {
    what: 'what is no number',
    ask: '/validate_number/?number=12',
    compat: [200, { status: 'ok', number: false }],
    plain: [200, { status: 'ok', valid: false, number: null }],
  },
  {
    what: 'no number to check',
    ask: '/validate_number/',
    compat: [200, error('number_missing')],
    plain: [400, error('number_missing')],
  },
  {
    what: 'too many checks',
    ask: '/validate_number/',
    before: 10,
    compat: [200, error('limit_acceded')],
    plain: [429, error('limit_exceeded')],
  },
  { what: 'bytes that are no text', ask: '/message/?receiver=%ff', ...both(400, error('request_unreadable')) },
  {
    what: 'a body that is no JSON',
    ask: '/message/',
    init: { ...json({}), body: '{' },
    ...both(400, error('request_unreadable')),
  },
  {
    what: 'a body of another type',
    ask: '/message/',
    init: { method: 'POST', body: 'receiver' },
    ...both(415, error('request_unreadable')),
  },
  {
    what: 'a body that is too long',
    ask: '/message/',
    init: form({ receiver: '1'.repeat(20_000) }),
    ...both(400, error('request_unreadable')),
  },
  {
    what: 'another method',
    ask: '/message/?receiver=017612345678',
    init: { method: 'PUT' },
    ...both(405, error('method_not_allowed')),
  },
  {
    what: 'a callback that is not allowed',
    ask: '/message/?receiver=017612345678&callback=show',
    ...both(400, error('callback_refused')),
  },
  {
    what: 'a page of another site',
    ask: '/message/?receiver=017612345678',
    init: from('', { Origin: 'https://evil.example' }),
    ...both(403, error('origin_refused')),
  },
]
