import { expect } from 'chai'
import { z } from 'zod'
import { httpBackend, incomingForm } from '../../src/backends/index.ts'
import { createSwitchboard, MessageSendError } from '../../src/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { describeBackend } from '../support/backend-table.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const JSON_BODY = { 'content-type': 'application/json' }
const BOUNDARY = 'XxXxX'
const MULTIPART = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
const hello = { identity: '1112223333', text: 'hello' }

function multipart(...parts: readonly (readonly [headers: string, content: Uint8Array | string])[]): Uint8Array {
  const bytes = parts.flatMap(([headers, content]) => [
    Buffer.from(`--${BOUNDARY}\r\n${headers}\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...bytes, Buffer.from(`--${BOUNDARY}--\r\n`)])
}

const named = (name: string, more = '') => `Content-Disposition: form-data; name="${name}"${more}`
const identityPart = [named('identity'), '1112223333'] as const

describeBackend({
  name: 'plain',
  backend: () => httpBackend(),
  incoming: [
    { label: 'GET', path: '?identity=1112223333&text=hello', status: 200, answer: 'OK', message: hello },
    { label: 'POST', headers: FORM, body: 'identity=1112223333&text=hello', status: 200, answer: 'OK', message: hello },
    {
      label: 'a trailing slash left out',
      path: '../plain?identity=1112223333&text=hello',
      status: 200,
      message: hello,
    },
    {
      label: 'JSON, its numbers as texts',
      headers: JSON_BODY,
      body: '{"identity":1112223333,"text":5,"address":1234,"externalId":77}',
      status: 200,
      message: { identity: '1112223333', text: '5', address: '1234', externalId: '77' },
    },
    {
      label: 'JSON, null and blank as absent',
      headers: JSON_BODY,
      body: '{"identity":"1","text":"x","address":null,"externalId":" "}',
      status: 200,
      message: { identity: '1', text: 'x' },
    },
    {
      label: 'JSON in a charset of its own',
      headers: { 'content-type': 'application/json; charset=iso-8859-1' },
      body: Buffer.from('{"identity":"1","text":"café"}', 'latin1'),
      status: 200,
      message: { identity: '1', text: 'café' },
    },
    {
      label: 'JSON numbers that are not exact are refused',
      headers: JSON_BODY,
      body: '{"identity":12345678901234567890,"text":1.5}',
      status: 400,
      answer: /"identity":\["a.*text/,
    },
    {
      label: 'multipart',
      headers: MULTIPART,
      body: multipart(identityPart, [named('text'), 'emoji 😀']),
      status: 200,
      message: { identity: '1112223333', text: 'emoji 😀' },
    },
    {
      label: 'multipart, a part in a charset of its own',
      headers: MULTIPART,
      body: multipart(identityPart, [
        `${named('text')}\r\nContent-Type: text/plain; charset=ISO-8859-1`,
        Buffer.from('café', 'latin1'),
      ]),
      status: 200,
      message: { identity: '1112223333', text: 'café' },
    },
    {
      label: 'multipart, a text in a file',
      headers: MULTIPART,
      body: multipart(identityPart, [`${named('text', '; filename="a.txt"')}\r\nContent-Type: text/plain`, 'a\r\nb']),
      status: 200,
      message: { identity: '1112223333', text: 'a\r\nb' },
    },
    {
      label: 'multipart, invalid UTF-8',
      headers: MULTIPART,
      body: multipart(identityPart, [named('text'), Buffer.from([0x61, 0xff])]),
      status: 400,
      answer: '{"errors":{"text":["the bytes are not valid utf-8"]}}',
    },
    {
      label: 'multipart that never ends',
      headers: MULTIPART,
      body: `--${BOUNDARY}\r\n${named('a')}\r\n\r\n`,
      status: 400,
    },
    {
      label: 'multipart without a boundary',
      headers: { 'content-type': 'multipart/form-data' },
      body: 'x',
      status: 400,
    },
    {
      label: 'UTF-8 in the query',
      path: `?identity=1&text=${encodeURIComponent('Привет 😀')}`,
      status: 200,
      message: { identity: '1', text: 'Привет 😀' },
    },
    {
      label: 'the charset of the Content-Type',
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=windows-1251' },
      body: 'identity=1&text=%CF%F0%E8%E2%E5%F2',
      status: 200,
      message: { identity: '1', text: 'Привет' },
    },
    {
      label: 'a charset nobody knows',
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=klingon' },
      body: 'identity=1&text=x',
      status: 415,
      answer: /klingon/,
    },
    {
      label: 'invalid UTF-8',
      path: '?identity=1&text=%ff',
      status: 400,
      answer: '{"errors":{"text":["the bytes are not valid utf-8"]}}',
    },
    {
      label: 'NUL',
      path: '?identity=1&text=a%00b',
      status: 400,
      answer: '{"errors":{"text":["NUL characters are not allowed"]}}',
    },
    {
      label: 'half of a UTF-16 pair',
      headers: JSON_BODY,
      body: '{"identity":"1","text":"\\ud800"}',
      status: 400,
      answer: /half of a UTF-16 pair/,
    },
    {
      label: 'blanks around',
      path: '?identity=%20+1+&text=++ping+%0A',
      status: 200,
      message: { identity: '1', text: 'ping' },
    },
    {
      label: 'nothing but blanks',
      path: '?identity=1&text=+++',
      status: 400,
      answer: '{"errors":{"text":["may not be empty"]}}',
    },
    {
      label: 'of a repeated key the last',
      path: '?identity=1&text=a&text=b',
      status: 200,
      message: { identity: '1', text: 'b' },
    },
    {
      label: 'every error at once',
      path: '?other=1',
      status: 400,
      answer: '{"errors":{"identity":["is required"],"text":["is required"]}}',
      answerHeaders: { 'content-type': 'application/json; charset=utf-8' },
    },
    {
      label: 'errors as plain text',
      headers: { accept: 'text/plain' },
      status: 400,
      answer: 'identity: is required\ntext: is required\n',
      answerHeaders: { 'content-type': 'text/plain; charset=utf-8' },
    },
    {
      label: 'JSON liked better',
      headers: { accept: 'text/plain;q=0.5, application/json' },
      status: 400,
      answer: /^\{/,
    },
    {
      label: 'text liked better',
      headers: { accept: 'application/json;q=0.1, text/*' },
      status: 400,
      answer: /^identity: /,
    },
    { label: 'a POST with its values in the query', path: '?identity=1&text=x', headers: FORM, body: '', status: 400 },
    { label: 'no Content-Type', body: Buffer.from('identity=1&text=x'), status: 415, answer: /none was given/ },
    {
      label: 'another Content-Type',
      headers: { 'content-type': 'text/csv' },
      body: 'x',
      status: 415,
      answer: /not text\/csv/,
    },
    {
      label: 'a compressed body',
      headers: { ...FORM, 'content-encoding': 'gzip' },
      body: 'x',
      status: 415,
      answer: /gzip/,
    },
    ...['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'].map((method) => ({
      label: method,
      method,
      path: '?identity=1&text=x',
      status: 405,
      answerHeaders: { allow: 'GET, POST' },
    })),
    { label: 'broken JSON', headers: JSON_BODY, body: '{"identity":', status: 400, answer: /not valid JSON/ },
    { label: 'JSON that is no object', headers: JSON_BODY, body: '[1]', status: 400, answer: /JSON object/ },
    {
      label: 'deep JSON',
      headers: JSON_BODY,
      body: `{"identity":"1","text":"x","a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      status: 400,
      answer: /"a":\["may not be nested/,
    },
    {
      label: 'names that objects have already',
      headers: JSON_BODY,
      body: '{"__proto__":{"text":"no"},"constructor":"no","identity":"1","text":"x"}',
      status: 200,
      message: { identity: '1', text: 'x' },
    },
    {
      label: '__proto__ in a query',
      path: '?__proto__=1&constructor=2&toString=3',
      status: 400,
      answer: /"text":\["is required"\]/,
    },
    { label: 'too many values', path: `?${'a=1&'.repeat(1001)}identity=1&text=x`, status: 400, answer: /At most 1000/ },
    { label: 'a name longer than any', path: `?identity=${'1'.repeat(256)}&text=x`, status: 400, answer: /255/ },
    { label: 'another path below', path: 'status?identity=1&text=x', status: 404 },
  ],
})

describeBackend({
  name: 'renamed',
  backend: () => httpBackend({ params: { identity: 'phone', text: 'message' }, methods: ['POST'], reply: 'thanks' }),
  incoming: [
    {
      label: 'its own names',
      headers: FORM,
      body: 'phone=1112223333&message=ping',
      status: 200,
      answer: 'thanks',
      message: { identity: '1112223333', text: 'ping' },
    },
    {
      label: 'errors under the names the sender used',
      headers: FORM,
      body: 'identity=1&text=x&message=+',
      status: 400,
      answer: '{"errors":{"phone":["is required"],"message":["may not be empty"]}}',
    },
    { label: 'only the methods it names', path: '?phone=1&message=x', status: 405, answerHeaders: { allow: 'POST' } },
  ],
})

describeBackend({
  name: 'swapped',
  backend: () => httpBackend({ params: { identity: 'text', text: 'identity' }, charset: 'iso-8859-1' }),
  incoming: [
    {
      label: 'names that change places',
      path: '?text=1&identity=caf%e9',
      status: 200,
      message: { identity: '1', text: 'café' },
    },
  ],
})

describeBackend({
  name: 'formed',
  backend: () =>
    httpBackend({
      params: { identity: 'from', tags: 'labels' },
      form: incomingForm.extend({ tags: z.json().optional(), count: z.coerce.number().optional() }),
    }),
  incoming: [
    {
      label: 'what the form yields more travels in fields',
      path: '?from=1&text=x&labels=a&count=3&unknown=no',
      status: 200,
      message: { identity: '1', text: 'x', fields: { tags: 'a', count: 3 } },
    },
    {
      label: 'NUL inside a field',
      headers: JSON_BODY,
      body: '{"from":"1","text":"x","labels":{"a":["b\\u0000"]}}',
      status: 400,
      answer: '{"errors":{"labels":["NUL characters are not allowed"]}}',
    },
    {
      label: 'names that objects have already, inside a field',
      headers: JSON_BODY,
      body: '{"from":"1","text":"x","labels":{"constructor":{"prototype":1}}}',
      status: 200,
      message: { identity: '1', text: 'x', fields: { tags: { constructor: { prototype: 1 } } } },
    },
  ],
})

for (const secret of [
  { in: 'header', name: 'X-Secret', value: 'open-sesame-1' },
  { in: 'basic', user: 'ann', password: 'open-sesame-2' },
  { in: 'path', value: 'open-sesame-3' },
] as const) {
  const value = 'password' in secret ? secret.password : secret.value
  const shown = {
    header: { 'x-secret': value },
    basic: { authorization: `Basic ${Buffer.from(`ann:${value}`).toString('base64')}` },
    path: {},
  }[secret.in]
  const path = secret.in === 'path' ? `${value}/` : ''
  const wrong = { header: 403, basic: 401, path: 404 }[secret.in]
  describeBackend({
    name: `guarded-${secret.in}`,
    backend: () => httpBackend({ secret }),
    secrets: [value],
    incoming: [
      {
        label: 'with the secret',
        path: `${path}?identity=1&text=x`,
        headers: shown,
        status: 200,
        message: { identity: '1', text: 'x' },
      },
      { label: 'without', path: '?identity=1&text=x', status: wrong },
      {
        label: 'with a wrong one',
        path: 'open-sesame-9/?identity=1&text=x',
        headers: { 'x-secret': 'open-sesame-9' },
        status: 404,
      },
      {
        label: 'with the wrong one in its place',
        path: '?identity=1&text=x',
        headers: { 'x-secret': `${value}x`, authorization: 'Basic eA==' },
        status: wrong,
      },
      { label: 'a wrong view below it', path: `${path}nothing`, headers: shown, status: 404 },
    ],
  })
}

const SENDING = {
  url: '/send?client=7',
  params: { identity: 'to', text: 'msg', id: 'ref', senderId: 'from', shop: 'shop' },
}

describeBackend({
  name: 'sender',
  secrets: ['hunter22&x', 'hunter22%26x', 's3cret-token'],
  backend: (url) =>
    httpBackend({
      send: {
        ...SENDING,
        url: `${url}${SENDING.url}`,
        params: { identity: 'to', text: 'msg', senderId: 'from', shop: 'shop' },
        extra: { password: 'hunter22&x' },
        headers: { authorization: 'Bearer s3cret-token' },
        success: { body: /^OK/g },
        externalId: /id=(\w+)/g,
      },
    }),
  outgoing: [
    {
      label: 'a form, its values in their order',
      send: {
        text: 'hé & 😀',
        options: { senderId: 'SHOP' },
        fields: { shop: 3 },
        params: { priority: 1, to: 'nobody' },
      },
      answers: [{ body: 'OK id=abc1' }],
      requests: [
        {
          method: 'POST',
          target: '/send?client=7',
          headers: { authorization: 'Bearer s3cret-token', 'content-type': 'application/x-www-form-urlencoded' },
          body: 'password=hunter22%26x&priority=1&to=%2B254700000001&msg=h%C3%A9+%26+%F0%9F%98%80&from=SHOP&shop=3',
        },
      ],
    },
    {
      label: 'once more: a pattern keeps no place',
      send: {},
      answers: [{ body: 'OK id=abc2' }],
      requests: [{ method: 'POST' }],
    },
    {
      label: 'a body that does not say success',
      send: {},
      answers: [{ body: 'NO: hunter22&x is\n\nwrong' }],
      requests: [{}],
      error: { code: 'MESSAGE_SEND', text: /NO: \[secret\] is wrong/ },
    },
    {
      label: 'secrets that the service repeats',
      send: {},
      answers: [{ status: 403, body: 'key s3cret-token, password=hunter22%26x' }],
      requests: [{}],
      error: { code: 'AUTH', providerCode: '403', text: /key \[secret\], password=\[secret\]/ },
    },
    {
      label: '402',
      send: {},
      answers: [{ status: 402 }],
      requests: [{}],
      error: { code: 'CREDIT', providerCode: '402' },
    },
    {
      label: '400',
      send: {},
      answers: [{ status: 400 }],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: '400' },
    },
    {
      label: 'a redirect is not followed',
      send: {},
      answers: [{ status: 302, headers: { location: '/elsewhere' } }],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: '302' },
    },
    {
      label: '500',
      send: {},
      answers: [{ status: 500, body: 'oh' }],
      requests: [{}],
      error: { code: 'SERVER', providerCode: '500', text: /oh/ },
    },
    {
      label: '429',
      send: {},
      answers: [{ status: 429 }],
      requests: [{}],
      error: { code: 'LIMITS', providerCode: '429' },
    },
    {
      label: 'a connection cut before the answer',
      send: {},
      answers: ['cut'],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true, text: /No answer from http:\/\/127\.0\.0\.1:\d+: / },
    },
  ],
})

describeBackend({
  name: 'getter',
  secrets: ['hunter22'],
  backend: (url) =>
    httpBackend({
      send: { url: `${url}/send?v=1`, method: 'GET', extra: { pw: 'hunter22' }, success: { status: [202] } },
    }),
  outgoing: [
    {
      label: 'values in the query',
      send: { text: 'a b' },
      answers: [{ status: 202 }],
      requests: [{ method: 'GET', target: '/send?v=1&pw=hunter22&identity=%2B254700000001&text=a+b', body: '' }],
    },
    {
      label: 'another status',
      send: {},
      answers: [{ status: 200 }],
      requests: [{}],
      error: { code: 'REQUEST', providerCode: '200' },
    },
  ],
})

describeBackend({
  name: 'json',
  backend: (url) =>
    httpBackend({ send: { url, format: 'json', params: { identity: 'to', text: 'msg', tags: 'tags' } } }),
  outgoing: [
    {
      label: 'JSON, fields as they are',
      send: { fields: { tags: ['a', { b: 1 }] } },
      answers: [{}],
      requests: [
        {
          headers: { 'content-type': 'application/json' },
          body: '{"to":"+254700000001","msg":"hello","tags":["a",{"b":1}]}',
        },
      ],
    },
  ],
})

describeBackend({
  name: 'function',
  backend: () =>
    httpBackend({
      async send(message) {
        if (message.text === 'no') throw new MessageSendError('refused', { providerCode: '17' })
        return { externalIds: ['x'], state: 'DELIVERED' }
      },
    }),
  outgoing: [
    { label: 'a function of its own', send: {}, answers: [], requests: [], state: 'DELIVERED' },
    {
      label: 'its errors',
      send: { text: 'no' },
      answers: [],
      requests: [],
      error: { code: 'MESSAGE_SEND', providerCode: '17', text: /refused/ },
    },
  ],
})

describe('settings of httpBackend', () => {
  const faulty = [
    {
      label: 'a name that the form has not',
      options: { params: { identty: 'phone' } },
      fault: /the form has no value "identty"/,
    },
    {
      label: 'two values of one name',
      options: { params: { identity: 'x', text: 'x' } },
      fault: /cannot both be called "x"/,
    },
    { label: 'a charset nobody knows', options: { charset: 'klingon' }, fault: /backends\.h\.charset/ },
    {
      label: 'a password in the URL',
      options: { send: { url: 'http://a:b@example.org/' } },
      fault: /belong into headers/,
    },
    { label: 'another scheme', options: { send: { url: 'ftp://example.org/' } }, fault: /backends\.h\.send\.url/ },
  ]
  for (const { label, options, fault } of faulty) {
    it(`refuses ${label}`, () => {
      const create = () =>
        createSwitchboard({ backends: { h: httpBackend(options) }, apps: [] }, { logger: silentLogger })
      expect(create).to.throw(fault)
    })
  }
})

describe('the types of httpBackend', () => {
  it('ask for a form that yields identity and text, and take any that yields more', () => {
    httpBackend({ form: incomingForm.extend({ extra: z.string() }) })
    httpBackend({
      form: z
        .object({ msisdn: z.string(), body: z.string() })
        .transform(({ msisdn, body }) => ({ identity: msisdn, text: body })),
    })
    // @ts-expect-error: there is no text
    httpBackend({ form: z.object({ identity: z.string() }) })
    // @ts-expect-error: an address is a text
    httpBackend({ form: z.object({ identity: z.string(), text: z.string(), address: z.number() }) })
  })
})
