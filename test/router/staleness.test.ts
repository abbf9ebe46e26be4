import { expect } from 'chai'
import type { App } from 'sms-switchboard'
import { ping } from 'sms-switchboard/apps'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

const HOUR = 3_600_000

describe('stale incoming messages', () => {
  let t: TestSwitchboard
  let isBroken: boolean
  const seen: string[] = []
  const shaky: App = {
    name: 'shaky',
    parse(message) {
      if (isBroken) throw new Error('not yet')
      seen.push(message.text)
    },
  }
  const begin = async (incoming: { staleAfter?: number; stale?: 'silent' | 'drop' } = {}, attempts = 5) => {
    isBroken = false
    seen.length = 0
    const retry = { attempts, firstDelay: HOUR, longestDelay: HOUR, errorReply: 'sorry' }
    t = await testSwitchboard({ apps: [shaky, ping()], settings: { incoming, retry } })
  }
  /** Recorded, but worked only when time has passed, as after an outage. */
  const lateBy = async (hours: number) => {
    isBroken = true
    const { id } = await t.receive('ping')
    await t.advance(hours * HOUR - HOUR)
    isBroken = false
    await t.advance(HOUR)
    return id
  }
  const answers = async () => {
    const ids = t.logs.flatMap(({ message, fields }) =>
      message === 'processed' ? (fields['answers'] as readonly string[]) : [],
    )
    const found = await Promise.all(ids.map((id) => t.store.log.find(id)))
    return found.map((each) => ({ state: each?.state, error: each?.error }))
  }
  afterEach(() => t.stop())

  it('are worked as any other by default', async () => {
    await begin({}, 50)
    await lateBy(20)
    expect(t.sent.map(({ text }) => text)).to.deep.equal(['pong'])
  })

  it('are worked, but not answered', async () => {
    await begin({ staleAfter: 3 * HOUR }, 50)
    await lateBy(5)
    expect(seen).to.deep.equal(['ping'])
    expect(await answers()).to.deep.equal([{ state: 'CANCELLED', error: 'stale' }])
    await t.receive('ping')
    expect(t.sent).to.have.length(1)
  })

  it('are not stale before their time', async () => {
    await begin({ staleAfter: 6 * HOUR }, 50)
    await lateBy(5)
    expect(t.sent).to.have.length(1)
  })

  it('get no word of a failure either', async () => {
    await begin({ staleAfter: HOUR }, 3)
    isBroken = true
    await t.receive('ping')
    await t.advance(10 * HOUR)
    expect(t.sent).to.deep.equal([])
  })

  it('are kept as failed instead by setting, and worked when they are replayed', async () => {
    await begin({ staleAfter: 3 * HOUR, stale: 'drop' }, 50)
    const id = await lateBy(5)
    expect(seen).to.deep.equal([])
    const error = 'stale: received too long before it could be worked'
    expect(await t.store.log.find(id)).to.include({ state: 'FAILED', error })
    expect(await t.router.replay([id])).to.equal(1)
    await t.idle()
    expect(t.sent.map(({ text }) => text)).to.deep.equal(['pong'])
  })
})

describe('a silent replay', () => {
  let t: TestSwitchboard
  let isBroken: boolean
  const shaky: App = {
    name: 'shaky',
    parse() {
      if (isBroken) throw new Error('not yet')
    },
  }
  const begin = async (attempts = 1) => {
    isBroken = true
    const retry = { attempts, firstDelay: 1_000, longestDelay: 1_000 }
    t = await testSwitchboard({ apps: [shaky, ping()], settings: { retry } })
    const { id } = await t.receive('ping')
    await t.advance('1h')
    return id
  }
  const replay = async (id: string, silent: boolean) => {
    const count = await t.router.replay([id], { silent })
    await t.idle()
    return count
  }
  const state = async (id: string) => (await t.store.log.find(id))?.state
  afterEach(() => t.stop())

  it('works the message, and keeps its responses with the reason', async () => {
    const id = await begin()
    isBroken = false
    expect(await replay(id, true)).to.equal(1)
    expect(await state(id)).to.equal('PROCESSED')
    expect(t.sent).to.deep.equal([])
    const ids = t.logs.findLast(({ message }) => message === 'processed')?.fields['answers']
    expect(await t.store.log.find(String(ids))).to.include({ state: 'CANCELLED', error: 'replayed silently' })
  })

  it('is silent through its retries', async () => {
    const id = await begin(3)
    await replay(id, true)
    isBroken = false
    await t.advance('1m')
    expect(await state(id)).to.equal('PROCESSED')
    expect(t.sent).to.deep.equal([])
  })

  it('that fails says nothing of the next one', async () => {
    const id = await begin()
    await replay(id, true)
    expect(await state(id)).to.equal('FAILED')
    isBroken = false
    await replay(id, false)
    expect(t.sent).to.have.length(1)
  })

  it('opens nothing but incoming messages that have failed', async () => {
    const id = await begin()
    isBroken = false
    await replay(id, false)
    t.fake.failNext(100)
    const [sent] = await t.send({ to: '1', text: 'hi' })
    await t.advance('1d')
    expect(await state(sent?.id ?? '')).to.equal('ERROR')
    for (const other of [id, sent?.id ?? '', 'nobody']) expect(await replay(other, true)).to.equal(0)
  })
})
