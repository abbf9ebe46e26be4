import { createHmac } from 'node:crypto'
import { describeBackend } from 'sms-switchboard/testing'
import { acme } from './acme.ts'

const password = 's3cret-password'

function signed(body: string) {
  const signature = createHmac('sha256', password).update(body).digest('hex')
  return { headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-acme-signature': signature }, body }
}

describeBackend({
  name: 'acme',
  backend: (url) => acme({ baseUrl: url, user: 'ann', password }),
  secrets: [password],
  incoming: [
    {
      label: 'takes a message',
      ...signed('from=%2B254700000001&to=2020&text=Habari&id=7'),
      status: 200,
      answer: 'OK',
      message: { identity: '+254700000001', text: 'Habari', address: '2020', externalId: '7' },
    },
    { label: 'keeps a part until the others come', ...signed('from=1&text=Hab&ref=x&total=2&number=1'), status: 200 },
    { label: 'asks for a sender', ...signed('text=hi'), status: 400, answer: '{"errors":{"from":["is required"]}}' },
    { ...signed('from=1&text=hi'), label: 'refuses a signature of another text', body: 'from=2&text=hi', status: 403 },
  ],
  reports: [
    {
      label: 'takes a delivery report',
      path: 'status',
      ...signed('id=x1&status=delivered'),
      status: 200,
      reports: [{ externalId: 'x1', code: 'delivered', state: 'DELIVERED' }],
    },
    {
      label: 'keeps a report with a word that is not known',
      path: 'status',
      ...signed('id=x1&status=teleported'),
      status: 200,
      reports: [{ externalId: 'x1', code: 'teleported' }],
    },
  ],
  outgoing: [
    {
      label: 'sends a message',
      send: { text: 'hello & goodbye', from: '2020' },
      answers: [{ body: '{"status":"0","id":"x1","price":"0.03"}' }],
      requests: [
        {
          method: 'POST',
          target: '/send',
          body: `user=ann&password=${password}&to=%2B254700000001&from=2020&text=hello+%26+goodbye`,
        },
      ],
      result: { externalIds: ['x1'], cost: 0.03, currency: 'EUR' },
    },
    {
      label: 'says that a text is not in the GSM alphabet',
      send: { text: 'Привет' },
      answers: [{ body: '{"status":"0"}' }],
      requests: [
        {
          body: `user=ann&password=${password}&to=%2B254700000001&text=%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82&unicode=1`,
        },
      ],
    },
    {
      label: 'knows what the codes mean',
      send: {},
      answers: [{ body: '{"status":"9"}' }],
      requests: [{}],
      error: { code: 'CREDIT', providerCode: '9', text: /no credit/ },
    },
  ],
})
