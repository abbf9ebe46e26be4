import { expect } from 'chai'
import { OutgoingMessage } from 'sms-switchboard'
import { atsSmsOperator, type BackendInput, kannel, smsOperator, vianett } from 'sms-switchboard/backends'
import type { HttpClient, SendTools } from '../../src/router/backend.ts'
import { ConnectionError, type ProviderError } from '../../src/router/errors.ts'

const ID = '0191d5a0-0000-7000-8000-000000000001'
const account = { username: 'ann', password: 's3cret' }

function message(values: Partial<ConstructorParameters<typeof OutgoingMessage>[0]> = {}): OutgoingMessage {
  return new OutgoingMessage({
    ...{ id: ID, backend: 'b', identity: '+254711000001', address: null, text: 'hi', class: 'normal', fields: {} },
    ...{ options: {}, params: {}, inResponseTo: null, createdAt: 0 },
    ...values,
  })
}

function settingsOf({ definition, input }: BackendInput): unknown {
  return definition.settings.parse(input)
}

describe('the ids that are known before a service answers', () => {
  const idsOf = (backend: BackendInput, values?: Parameters<typeof message>[0]) =>
    backend.definition.idsOf?.(message(values), { settings: settingsOf(backend) })
  const ats = atsSmsOperator({ ...account, from: '22222', keyword: 'KW', prefix: 'app1' })
  const cpa = vianett(account)

  const rows: readonly (readonly [string, BackendInput, object, readonly string[]])[] = [
    [
      'Kannel: ours, alone or as the first of a batch',
      kannel({ sendsmsUrl: 'http://127.0.0.1:9/' }),
      {},
      [ID, `${ID}/254711000001`],
    ],
    ['ATS: ours, with the prefix', ats, {}, [`app1-${ID}`]],
    ['ATS: the one that the message names', ats, { params: { uniq: '7' } }, ['7']],
    ['SMS operator: ours', smsOperator(account), {}, [ID]],
    ['SMS operator: the one that the message names', smsOperator(account), { params: { SmsId: 8 } }, ['8']],
    ['ViaNett: the one that the message names', cpa, { params: { MsgId: '9' } }, ['9']],
    [
      'ViaNett, the oldest way: the same',
      vianett({ ...account, api: 'activeServer' }),
      { params: { refno: 10 } },
      ['10'],
    ],
  ]
  for (const [label, backend, values, ids] of rows) {
    it(label, () => expect(idsOf(backend, values)).to.deep.equal(ids))
  }

  it('ViaNett: a number made of ours, the same at each attempt, another for each message', () => {
    const [id = ''] = idsOf(cpa) ?? []
    expect(id).to.match(/^\d+$/)
    expect(idsOf(cpa, { text: 'other', params: {} })).to.deep.equal([id])
    expect(idsOf(cpa, { id: ID.replace(/1$/, '2') })).to.not.deep.equal([id])
  })

  it('are those that the service is given', async () => {
    const asked: string[] = []
    const http: HttpClient = {
      async request({ url, body = '' }) {
        asked.push(`${url} ${typeof body === 'string' ? body : Buffer.from(body).toString('utf8')}`)
        throw new ConnectionError('no answer', { outcomeUnknown: true })
      },
    }
    for (const backend of [kannel({ sendsmsUrl: 'http://127.0.0.1:9/' }), ats, smsOperator(account), cpa]) {
      const tools = { settings: settingsOf(backend), http, urls: { status: 'http://127.0.0.1:8/status' } }
      const { definition } = backend
      const given = tools as unknown as SendTools<unknown>
      const giving = definition.send?.(message(), given) ?? definition.sendBatch?.([message()], given)
      await Promise.resolve(giving).catch(() => {})
      expect(asked.at(-1), backend.definition.kind).to.include(idsOf(backend)?.[0])
    }
    expect(asked).to.have.length(4)
  })

  it('of those that shared a request with Kannel go along with the error', async () => {
    const backend = kannel({ sendsmsUrl: 'http://127.0.0.1:9/', recipients: 10 })
    const http: HttpClient = {
      request: async () => {
        throw new ConnectionError('no answer', { outcomeUnknown: true })
      },
    }
    const tools = { settings: settingsOf(backend), http, urls: { status: 'http://127.0.0.1:8/status' } }
    const others = ['+254711000001', '+254711000002'].map((identity, index) => message({ identity, id: `m${index}` }))
    const outcomes = (await backend.definition.sendBatch?.(others, tools as unknown as SendTools<unknown>)) ?? []
    const errors = outcomes.map((outcome) => ('error' in outcome ? (outcome.error as ProviderError) : undefined))
    expect(errors.map((error) => error?.externalIds)).to.deep.equal([['m0/254711000001'], ['m0/254711000002']])
    expect(errors.every((error) => error?.outcomeUnknown)).to.equal(true)
  })
})
