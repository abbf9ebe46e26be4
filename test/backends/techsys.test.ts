import { techsys } from '../../src/backends/index.ts'
import { describeBackend } from '../support/backend-table.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const taken = { body: 'PS Bind: Message queued successfully' }

describeBackend({
  name: 'techsys',
  backend: (url) => techsys({ url: `${url}/account-7?x=1`, bind: 'bind-name-1' }),
  secrets: ['bind-name-1'],
  outgoing: [
    {
      label: 'a message',
      send: {},
      answers: [taken],
      requests: [
        {
          method: 'POST',
          target: '/account-7?x=1',
          headers: FORM,
          body: 'bind=bind-name-1&msisdn=254700000001&text=hello',
        },
      ],
      result: {},
    },
    ...['café €', 'سلام', 'ሰላም', '你好', 'emoji 😀'].map((text) => ({
      label: `sends ${text}`,
      send: { text },
      answers: [taken],
      requests: [
        { body: `bind=bind-name-1&msisdn=254700000001&text=${encodeURIComponent(text).replaceAll('%20', '+')}` },
      ],
    })),
    {
      label: 'parameters of its own',
      send: { params: { bind: 'other', priority: 1 } },
      answers: [taken],
      requests: [{ body: 'bind=other&msisdn=254700000001&text=hello&priority=1' }],
    },
    {
      label: 'another answer',
      send: {},
      answers: [{ body: 'PS Bind: no such bind bind-name-1' }],
      requests: [{}],
      error: { code: 'CONNECTION', unknown: true, text: /no such bind \[secret\]/ },
    },
    {
      label: 'a status of failure, whatever it says',
      send: {},
      answers: [{ ...taken, status: 503 }],
      requests: [{}],
      error: { code: 'SERVER', providerCode: '503' },
    },
  ],
})
