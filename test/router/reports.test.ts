import { expect } from 'chai'
import {
  ConnectionError,
  type DeliveryReport,
  defineBackend,
  type OutgoingMessage,
  type SendResult,
  type SendTools,
} from 'sms-switchboard'
import { forwardServer } from 'sms-switchboard/backends'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'

describe('delivery reports', () => {
  let t: TestSwitchboard
  let tools: SendTools<unknown>
  let send: (message: OutgoingMessage) => Promise<SendResult>
  let idsOf: (message: OutgoingMessage) => readonly string[]
  afterEach(() => t.stop())

  const begin = async (input: object = {}, others: object = {}) => {
    send = async ({ id }) => ({ externalIds: [`ext ${id}`] })
    idsOf = ({ id }) => [`own ${id}`]
    const gate = defineBackend({
      kind: 'gate',
      settings: z.strictObject({}),
      reports: 'handset',
      start: async (given) => {
        tools = given
      },
      send: (message) => send(message),
      idsOf: (message) => idsOf(message),
    })
    t = await testSwitchboard({ apps: [], backends: { gate: gate(input), ...others } })
  }
  const sendOne = async (to = '+254711000001') => (await t.send({ to, text: 'hi', backend: 'gate' }))[0]?.id ?? ''
  const stateOf = async (id: string) => (await t.store.log.find(id))?.state
  const report = (values: DeliveryReport) => tools.report(values)

  describe('by number alone', () => {
    it('find the newest message to the person, however the service writes the number', async () => {
      await begin({ numbers: { region: 'KE' } })
      const older = await sendOne()
      const newer = await sendOne()
      await report({ identity: '0711 000001', state: 'DELIVERED', text: 'DELIVRD' })
      expect(await Promise.all([older, newer].map(stateOf))).to.deep.equal(['SENT', 'DELIVERED'])
      const [kept] = await t.store.log.reports(newer)
      expect(kept).to.deep.include({ externalId: null, state: 'DELIVERED', text: 'DELIVRD' })
    })

    it('look back as far as the backend says', async () => {
      await begin({ reportWindow: 3_600_000 })
      const id = await sendOne()
      await t.advance('61m')
      await report({ identity: '+254711000001', state: 'DELIVERED' })
      expect(await stateOf(id)).to.equal('SENT')
    })

    it('of nobody are handed on to no client', async () => {
      await begin({}, { forward: forwardServer({ clients: ['http://127.0.0.1:9/'] }) })
      await report({ identity: '+254711999999', state: 'DELIVERED' })
      await report({ identity: '', state: 'DELIVERED' })
      expect((await t.store.log.counts()).outgoing).to.equal(0)
    })
  })

  describe('of a message whose outcome was not known', () => {
    const unknown = (externalIds?: readonly string[]) => async () => {
      const ids = externalIds === undefined ? {} : { externalIds }
      throw new ConnectionError('no answer', { outcomeUnknown: true, ...ids })
    }

    it('are matched by the id that we chose', async () => {
      await begin()
      send = unknown()
      const id = await sendOne()
      expect(await stateOf(id)).to.equal('UNKNOWN')
      await report({ externalId: `own ${id}`, state: 'DELIVERED' })
      expect(await stateOf(id)).to.equal('DELIVERED')
    })

    it('are matched by the id that the failed call names', async () => {
      await begin()
      send = unknown(['shared/1'])
      const id = await sendOne()
      await report({ externalId: 'shared/1', state: 'DELIVERED' })
      expect(await stateOf(id)).to.equal('DELIVERED')
    })

    it('count although they were faster than our giving up', async () => {
      await begin()
      send = async ({ id }) => {
        await report({ externalId: `own ${id}`, state: 'DELIVERED' })
        return unknown()()
      }
      expect(await stateOf(await sendOne())).to.equal('DELIVERED')
    })

    it('move a message that was tried again as ever', async () => {
      await begin({ sending: { unknownOutcome: 'retry', firstDelay: 1_000 } })
      let calls = 0
      send = async ({ id }) => (calls++ === 0 ? unknown()() : { externalIds: [`ext ${id}`] })
      const id = await sendOne()
      await t.advance('5s')
      await report({ externalId: `own ${id}`, state: 'ERROR' })
      expect(await stateOf(id)).to.equal('SENT')
      await report({ externalId: `own ${id}`, state: 'DELIVERED' })
      expect(await stateOf(id)).to.equal('DELIVERED')
    })

    it('lose nothing to a backend that fails when it is asked for its ids', async () => {
      await begin()
      send = unknown()
      idsOf = () => {
        throw new TypeError('a slip')
      }
      expect(await stateOf(await sendOne())).to.equal('UNKNOWN')
    })
  })

  describe('of parts', () => {
    it('settle the message together, where each part has an id', async () => {
      await begin()
      send = async () => ({ externalIds: ['a', 'b', 'b'], parts: 2 })
      const id = await sendOne()
      await report({ externalId: 'a', state: 'DELIVERED' })
      expect(await stateOf(id)).to.equal('SENT')
      await report({ externalId: 'b', state: 'DELIVERED' })
      expect(await stateOf(id)).to.equal('DELIVERED')
    })

    it('are none where the ids are names of the one message', async () => {
      await begin()
      send = async () => ({ externalIds: ['a', 'b'], idsName: 'message' })
      const id = await sendOne()
      await report({ externalId: 'b', state: 'DELIVERED' })
      expect(await stateOf(id)).to.equal('DELIVERED')
    })
  })
})
