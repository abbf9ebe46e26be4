import { expect } from 'chai'
import {
  type BatchOutcome,
  ConnectionError,
  defineBackend,
  type OutgoingMessage,
  RequestError,
  ServerError,
} from 'sms-switchboard'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { until } from '../support/until.ts'

const LIMIT = 50

describe('sending in batches', () => {
  let t: TestSwitchboard
  let batches: (readonly OutgoingMessage[])[]
  let answer: (messages: readonly OutgoingMessage[], signal: AbortSignal) => Promise<readonly BatchOutcome[]>

  const taken = (messages: readonly OutgoingMessage[]) =>
    messages.map(({ id }) => ({ result: { externalIds: [`x-${id}`] } }))

  const bulk = defineBackend({
    kind: 'bulk',
    settings: z.strictObject({}),
    batchLimit: LIMIT,
    async sendBatch(messages, { signal }) {
      batches.push(messages)
      return answer(messages, signal)
    },
  })

  beforeEach(async () => {
    batches = []
    answer = async (messages) => taken(messages)
    t = await testSwitchboard({
      apps: [],
      backends: { bulk: bulk({ sending: { concurrency: 2, firstDelay: 1_000 } }) },
    })
  })
  afterEach(() => t.stop())

  const people = (count: number) => Array.from({ length: count }, (_, index) => `2547${String(index).padStart(6, '0')}`)
  const send = async (count: number) => {
    const sent = await t.router.send({ to: people(count), text: 'hi' })
    await t.idle()
    return sent
  }
  const states = async (sent: readonly { readonly id: string }[]) => {
    const logged = await Promise.all(sent.map(({ id }) => t.store.log.find(id)))
    return logged.map((message) => message?.state)
  }

  it('gives many people in few calls, each as many as the backend takes', async () => {
    const sent = await send(120)
    expect(batches.map(({ length }) => length)).to.satisfy((sizes: number[]) => sizes.every((size) => size <= LIMIT))
    expect(batches.length).to.be.at.most(6)
    expect(batches.flat().map(({ identity }) => identity)).to.have.members(people(120))
    expect(new Set(await states(sent))).to.deep.equal(new Set(['SENT']))
  })

  it('takes each outcome for the one it is of, and tries again those alone that failed', async () => {
    answer = async (messages) =>
      messages.map((message) => {
        if (message.identity.endsWith('1')) return { error: new RequestError('unroutable') }
        if (message.identity.endsWith('2') && message.tries === 0) return { error: new ServerError('busy') }
        return { result: { externalIds: [message.id] } }
      })
    const sent = await send(5)
    expect(await states(sent)).to.deep.equal(['SENT', 'ERROR', 'SENDING', 'SENT', 'SENT'])
    batches = []
    await t.advance('10s')
    expect(batches.flat().map(({ identity }) => identity)).to.deep.equal([people(3)[2]])
    expect((await states(sent))[2]).to.equal('SENT')
  })

  it('fails all of them alike where the request as a whole failed', async () => {
    answer = async () => {
      throw new RequestError('not JSON')
    }
    expect(await states(await send(3))).to.deep.equal(['ERROR', 'ERROR', 'ERROR'])
  })

  it('does not know what became of those that the answer leaves out', async () => {
    answer = async (messages) => taken(messages).slice(0, 1)
    expect(await states(await send(3))).to.deep.equal(['SENT', 'UNKNOWN', 'UNKNOWN'])
  })

  describe('whose time is over', () => {
    /** `idle` would wait for what hangs. */
    const give = async (count: number) => {
      const sent = await t.router.send({ to: people(count), text: 'hi' })
      await until('the batch', () => batches.flat().length === count)
      return sent
    }

    it('knows those that were taken in time, and tries again those that nobody was given', async () => {
      answer = (messages, signal) =>
        new Promise((resolve) => {
          const cut = [
            { result: { externalIds: ['x'] } },
            { error: new ConnectionError('cut', { outcomeUnknown: true }) },
            { error: new ConnectionError('not asked') },
          ]
          signal.addEventListener('abort', () => setImmediate(() => resolve(cut.slice(0, messages.length))))
        })
      const sent = await give(3)
      await t.clock.advance(30_000)
      await t.idle()
      expect(await states(sent)).to.deep.equal(['SENT', 'UNKNOWN', 'SENDING'])
      answer = async (messages) => taken(messages)
      await t.advance('10s')
      expect(await states(sent)).to.deep.equal(['SENT', 'UNKNOWN', 'SENT'])
    })

    it('does not know what became of any where nothing is said of them', async () => {
      answer = () => new Promise(() => {})
      const sent = await give(3)
      await t.clock.advance(30_000)
      expect(await states(sent)).to.deep.equal(['SENDING', 'SENDING', 'SENDING'])
      await t.clock.advance(1_000)
      await t.idle()
      expect(await states(sent)).to.deep.equal(['UNKNOWN', 'UNKNOWN', 'UNKNOWN'])
    })
  })

  it('has no more calls under way than the concurrency says; the others go when one is free', async () => {
    let most = 0
    let under = 0
    answer = async (messages) => {
      most = Math.max(most, ++under)
      await new Promise((resolve) => setImmediate(resolve))
      under--
      return taken(messages)
    }
    await send(400)
    expect(most).to.equal(2)
    expect(batches.flat()).to.have.lengthOf(400)
  })

  it('keeps the order of each person', async () => {
    const [person = ''] = people(1)
    for (const text of ['1', '2', '3']) await t.router.send({ to: [person, ...people(10).slice(5)], text })
    await t.idle()
    const texts = batches.flat().filter(({ identity }) => identity === person)
    expect(texts.map(({ text }) => text)).to.deep.equal(['1', '2', '3'])
  })
})
