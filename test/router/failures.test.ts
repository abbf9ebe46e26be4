import { expect } from 'chai'
import type { App } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

const phases = ['filter', 'parse', 'handle', 'default', 'cleanup', 'outgoing'] as const
type PhaseName = (typeof phases)[number]

/** An app that throws in one phase as often as told. */
function broken(phase: PhaseName, times: number): App & { left: number } {
  const app = {
    name: 'broken',
    left: times,
    [phase]: async () => {
      if (app.left-- > 0) throw new Error(`${phase} is broken`)
    },
  }
  return app
}

const responder: App = { name: 'responder', parse: (message) => void message.respond('hello') }

describe('an app that throws', () => {
  let t: TestSwitchboard
  afterEach(() => t.stop())

  const find = async (id: string) => t.store.log.find(id)
  const texts = () => t.sent.map(({ text }) => text)

  for (const phase of phases) {
    it(`in ${phase}: the phases run again, and only the responses of the run that succeeds are sent`, async () => {
      t = await testSwitchboard({ apps: [responder, broken(phase, 2)] })
      const { id } = await t.receive('hi')
      expect(texts()).to.deep.equal([])
      expect(await find(id)).to.include({ state: 'RECEIVED', tries: 1, error: `${phase} is broken` })
      await t.advance('1s')
      expect(await find(id)).to.include({ state: 'RECEIVED', tries: 2 })
      expect(texts()).to.deep.equal([])
      await t.advance('2s')
      expect(await find(id)).to.include({ state: 'PROCESSED' })
      expect(texts()).to.deep.equal(['hello'])
    })

    it(`in ${phase} for ever: the message is kept as failed with its error, and nothing is sent`, async () => {
      t = await testSwitchboard({ apps: [responder, broken(phase, Number.POSITIVE_INFINITY)] })
      const { id } = await t.receive('hi')
      await t.advance('1h')
      expect(await find(id)).to.include({ state: 'FAILED', tries: 5, error: `${phase} is broken` })
      expect((await t.store.log.failed({ direction: 'in', limit: 10 })).map((each) => each.id)).to.deep.equal([id])
      expect(texts()).to.deep.equal([])
    })
  }

  it('runs cleanup all the same', async () => {
    let cleaned = 0
    t = await testSwitchboard({ apps: [broken('handle', 1), { name: 'cleaner', cleanup: () => void cleaned++ }] })
    await t.receive('hi')
    expect(cleaned).to.equal(1)
  })

  it('is told by its own error, not by one of cleanup', async () => {
    const worse: App = { name: 'worse', cleanup: () => Promise.reject(new Error('cleanup is broken')) }
    t = await testSwitchboard({ apps: [broken('handle', 1), worse] })
    const { id } = await t.receive('hi')
    expect((await find(id))?.error).to.equal('handle is broken')
  })

  it('may throw anything, at once or later', async () => {
    const thrown: unknown[] = ['text', undefined, null, new Error(''), Object.create(null)]
    t = await testSwitchboard({
      apps: [
        {
          name: 'thrower',
          handle(message) {
            throw thrown[Number(message.text)]
          },
        },
      ],
    })
    for (const index of thrown.keys()) {
      const { id } = await t.receive({ text: String(index), identity: String(index) })
      expect(await find(id), String(index)).to.include({ state: 'RECEIVED', tries: 1 })
    }
  })

  it('holds back later messages of the same person alone', async () => {
    const app = broken('parse', 1)
    t = await testSwitchboard({ apps: [app, echo()] })
    await t.receive({ identity: '1', text: 'echo first' })
    await t.receive({ identity: '1', text: 'echo second' })
    await t.receive({ identity: '2', text: 'echo other' })
    expect(texts()).to.deep.equal(['other'])
    await t.advance('1s')
    expect(texts()).to.deep.equal(['other', 'first', 'second'])
  })

  it('lets the person go on once the message is given up', async () => {
    t = await testSwitchboard({ apps: [broken('parse', 5), echo()] })
    await t.receive('echo first')
    await t.receive('echo second')
    await t.advance('1h')
    expect(texts()).to.deep.equal(['second'])
  })

  it('leads to a text to the person where settings say so', async () => {
    const errorReply = { en: 'Sorry, that did not work.', sw: 'Samahani.' }
    const sign: App = {
      name: 'sign',
      outgoing(message) {
        message.text += ' -- the office'
      },
    }
    t = await testSwitchboard({
      apps: [sign, broken('handle', 2)],
      settings: { retry: { attempts: 2, errorReply } },
    })
    const { id } = await t.receive({ text: 'hi', address: '1234' })
    expect(texts()).to.deep.equal([])
    await t.advance('1s')
    expect(texts()).to.deep.equal(['Sorry, that did not work. -- the office'])
    expect(t.sent[0]).to.include({ address: '1234', class: 'reply' })
    expect(t.sent[0]?.inResponseTo?.id).to.equal(id)
  })

  it('can be repaired: a replay runs the phases again', async () => {
    const app = broken('handle', 5)
    t = await testSwitchboard({ apps: [app, echo()] })
    const { id } = await t.receive('echo hello')
    await t.advance('1h')
    expect(await find(id)).to.include({ state: 'FAILED' })
    expect(await t.router.replay([id, id, 'no-such-id'])).to.equal(1)
    await t.idle()
    expect(await find(id)).to.include({ state: 'PROCESSED' })
    expect(texts()).to.deep.equal(['hello'])
    expect(await t.router.replay([id])).to.equal(0)
  })

  it('may fail again after a replay, as often as at first', async () => {
    t = await testSwitchboard({ apps: [broken('handle', Number.POSITIVE_INFINITY)] })
    const { id } = await t.receive('hi')
    await t.advance('1h')
    await t.router.replay([id])
    await t.idle()
    expect(await find(id)).to.include({ state: 'RECEIVED', tries: 1 })
    await t.advance('1h')
    expect(await find(id)).to.include({ state: 'FAILED', tries: 5 })
  })

  it('counts a replayed message among those that wait', async () => {
    t = await testSwitchboard({
      apps: [broken('handle', Number.POSITIVE_INFINITY)],
      settings: { queue: { backlog: 2 }, retry: { attempts: 2, firstDelay: 30_000 } },
    })
    const ids = await Promise.all(['1', '2'].map(async (identity) => (await t.receive({ identity, text: 'hi' })).id))
    await t.advance('45s')
    expect(await t.router.replay(ids)).to.equal(2)
    const refused = await t.receive({ identity: '3', text: 'hi' }).catch((error: unknown) => error)
    expect(refused).to.have.property('code', 'BACKLOG')
  })

  it('that does not return within the time limit counts as thrown', async () => {
    let calls = 0
    const slow: App = { name: 'slow', handle: () => (calls++ === 0 ? new Promise(() => {}) : undefined) }
    t = await testSwitchboard({ apps: [slow, echo()], patience: 10, settings: { appCalls: { timeLimit: 5_000 } } })
    const { id } = await t.receive('echo hello')
    await t.advance('5s')
    expect((await find(id))?.error).to.equal('The app "slow" did not return within 5000 ms (phase handle).')
    await t.advance('1s')
    expect(texts()).to.deep.equal(['hello'])
  })
})
