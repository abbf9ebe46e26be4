import { expect } from 'chai'
import { eScape } from '../../src/backends/index.ts'
import type { IncomingMessage } from '../../src/index.ts'
import { type BackendTable, describeBackend, fuzzViews } from '../support/backend-table.ts'
import { serveWeb } from '../support/web.ts'

const API = 'api-id-0001'
/** Made of the values of the first request. */
const BOUNDARY = 'e5fe0afd951e10d4ce2556e2b1befa78bd140b11'
const HEAD = '<thead><tr><th>from</th><th>to</th><th>smsc</th><th>status</th><th>text</th></tr></thead>'

/** The table that the service answers. */
function answered(...rows: readonly (readonly [to: string, status: string])[]) {
  const cells = rows.map(
    ([to, status]) => `<tr><td>27123456789</td><td>${to}</td><td>yo</td><td>${status}</td><td> hi</td></tr>`,
  )
  return { body: `<html><body><table>${HEAD}<tbody>\n${cells.join('\n')}</tbody></table></body></html>` }
}

/** The body of a request, with the boundary it says. */
function multipart(boundary: string, values: Readonly<Record<string, string>>): string {
  const parts = Object.entries(values).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  return `${parts.join('')}--${boundary}--\r\n`
}

const received = { identity: '27123456789', address: '31234', fields: { smsc: 'yo', svc: 'echo' } }
const query = 'smsc=yo&svc=echo&s=27123456789&r=31234'

const table: BackendTable = {
  name: 'escape',
  backend: (url) => eScape({ url: `${url}/api.php`, apiId: API, smsc: 'yo', from: '31234' }),
  secrets: [API],
  incoming: [
    {
      label: 'a message is answered with nothing, since anything would be sent',
      path: `?${query}&text=hi+there`,
      status: 200,
      answer: '',
      message: { ...received, text: 'hi there' },
    },
    ...['café €', 'سلام', 'ሰላም', '你好', 'emoji 😀'].map((text) => ({
      label: text,
      path: `?${query}&text=${encodeURIComponent(text)}`,
      status: 200,
      answer: '',
      message: { ...received, text },
    })),
    {
      label: 'bytes that are no UTF-8',
      path: `?${query}&text=caf%e9+%80`,
      status: 200,
      message: { ...received, text: 'café €' },
    },
    { label: 'an empty text', path: `?${query}&text=`, status: 200, message: { ...received, text: '' } },
    { label: 'no sender is refused with nothing, too', path: '?text=hi', status: 400, answer: '' },
    { label: 'a POST', path: '', body: 'x', status: 405 },
  ],
  outgoing: [
    {
      label: 'a message',
      send: {},
      answers: [answered(['+254700000001', '0: Accepted for delivery'])],
      requests: [
        {
          method: 'POST',
          target: '/api.php',
          headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
          body: multipart(BOUNDARY, {
            s: '31234',
            r: '+254700000001',
            text: 'hello',
            smsc: 'yo',
            api_id: API,
            send: 'go',
          }),
        },
      ],
      result: {},
    },
    {
      label: 'queued',
      send: { text: 'café 😀' },
      answers: [answered(['254700000001', '3: Queued for later delivery'])],
      requests: [{}],
    },
    {
      label: 'another code',
      send: {},
      answers: [answered(['254700000001', `4: Rejected: ${API}`])],
      requests: [{}],
      error: { code: 'MESSAGE_SEND', providerCode: '4', text: /Rejected: \[secret\]/ },
    },
    {
      label: 'a table without rows',
      send: {},
      answers: [answered()],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true, text: /something else than expected/ },
    },
    {
      label: 'a row of somebody else',
      send: {},
      answers: [answered(['254', '0: Accepted for delivery'])],
      requests: [{}],
      error: { code: 'CONNECTION', text: /does not say/, unknown: true },
    },
    { label: 'no number', send: { to: 'ann' }, answers: [], requests: [], error: { code: 'REQUEST' } },
  ],
  batches: [
    {
      label: 'one request for a text',
      messages: [{ to: '+27001' }, { to: 'ann' }, { to: '27002' }, { to: '27003' }],
      answers: [answered(['+27002', '0: Accepted for delivery'], ['+27001', '7: No'])],
      requests: [{}],
      outcomes: [
        { error: { code: 'MESSAGE_SEND', providerCode: '7', text: /No/ } },
        { error: { code: 'REQUEST' } },
        { result: {} },
        { error: { code: 'CONNECTION', text: /does not say/, unknown: true } },
      ],
    },
  ],
}

describeBackend(table)
fuzzViews(table)

describe('eScape with answerWithin', () => {
  it('gives the responses in its answer', async () => {
    const twice = {
      name: 'twice',
      handle: (message: IncomingMessage) => message.respond('one') && message.respond(`two ${message.text}`),
    }
    const web = await serveWeb({
      backends: { e: eScape({ apiId: API, smsc: 'yo', answerWithin: 5_000 }) },
      apps: [twice],
    })
    try {
      const answer = await fetch(`${web.url}/backends/e/?${query}&text=caf%C3%A9`)
      expect(await answer.text()).to.equal('one\ntwo café')
    } finally {
      await web.stop()
    }
  })
})
