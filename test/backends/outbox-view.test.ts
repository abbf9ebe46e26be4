import { expect } from 'chai'
import { z } from 'zod'
import { confirmView, defineBackend, outboxView } from '../../src/backends/index.ts'
import { until } from '../support/until.ts'
import { serveWeb, type Web } from '../support/web.ts'

const phone = defineBackend({
  kind: 'phone',
  settings: z.strictObject({ leaseTime: z.int().default(60_000) }),
  reports: 'handset',
  removesDuplicates: true,
  views: {
    outbox: outboxView({
      form: z.object({ device: z.string().optional(), limit: z.coerce.number().int().min(1).max(50).optional() }),
      leaseTime: ({ leaseTime }: { leaseTime: number }) => leaseTime,
    }),
    confirm: confirmView({
      form: z.object({
        results: z.array(z.object({ id: z.string(), state: z.enum(['SENT', 'DELIVERED', 'ERROR']) })).max(100),
      }),
      confirmations: ({ results }) => results,
    }),
  },
  send: (message, { outbox }) => outbox.add(message),
})

describe('a gateway that fetches its messages', () => {
  let web: Web
  beforeEach(async () => {
    web = await serveWeb({ backends: { phone: phone(), other: phone() } })
  })
  afterEach(() => web.stop())

  const fetched = async (query = '') => {
    const answer = await fetch(`${web.url}/backends/phone/outbox${query}`)
    const { messages } = (await answer.json()) as { messages: { id: string; text: string; identity: string }[] }
    return messages
  }
  const confirm = async (backend: string, ...results: readonly object[]) => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ results })
    const answer = await fetch(`${web.url}/backends/${backend}/confirm`, { method: 'POST', headers, body })
    return [answer.status, await answer.json()]
  }
  const stateOf = async (id: string) => (await web.switchboard.parts.store.log.find(id))?.state

  it('gets them in their order, once, and says what became of them', async () => {
    const { router } = web.switchboard
    for (const text of ['one', 'two']) await router.sendNow({ to: 'ann', text, backend: 'phone' })
    const [one, two] = await fetched('?device=a&limit=2')
    expect([one?.text, two?.text, one?.identity]).to.deep.equal(['one', 'two', 'ann'])
    expect(await fetched('?device=a')).to.deep.equal([])
    expect(await confirm('other', { id: one?.id, state: 'SENT' })).to.deep.equal([200, { unknown: [one?.id] }])
    expect(await stateOf(one?.id ?? '')).to.equal('SENDING')
    const results = [
      { id: one?.id, state: 'SENT' },
      { id: two?.id, state: 'ERROR' },
    ]
    expect(await confirm('phone', ...results)).to.deep.equal([200, { unknown: [] }])
    await until('the states', async () => (await stateOf(two?.id ?? '')) === 'ERROR')
    expect(await stateOf(one?.id ?? '')).to.equal('SENT')
    expect(await confirm('phone', { id: one?.id, state: 'DELIVERED' })).to.deep.equal([200, { unknown: [] }])
    expect(await stateOf(one?.id ?? '')).to.equal('DELIVERED')
  })

  it('is refused when it asks for nonsense', async () => {
    for (const path of ['outbox?limit=0', 'outbox?limit=x', 'outbox?limit=51']) {
      expect((await fetch(`${web.url}/backends/phone/${path}`)).status, path).to.equal(400)
    }
    expect((await confirm('phone', { id: '1', state: 'MAYBE' }))[0]).to.equal(400)
    expect((await fetch(`${web.url}/backends/phone/confirm`)).status).to.equal(405)
  })
})
