import { expect } from 'chai'
import { type App, InvalidInputError, MessageSendError } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { fakeBackend, type TestOptions, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { rejection } from '../support/rejection.ts'

const answering = (text: string, fields = {}): App => ({
  name: 'app',
  handle: (message) => message.respond(text, { fields }),
})
const changing = (text: string): App => ({
  name: 'changer',
  outgoing(message) {
    message.text = text
  },
})
const LONG = 'a'.repeat(400)
const split = { maxParts: 1, tooLong: 'split' } as const

describe('the text rules', () => {
  let t: TestSwitchboard
  const begin = async (text: NonNullable<TestOptions['settings']>['text'], ...apps: App[]) => {
    t = await testSwitchboard({ apps, settings: { text } })
  }
  const sentTexts = () => t.sent.map(({ text }) => text)
  const outgoing = async (identity = '1') =>
    (await t.store.log.conversation({ backend: 'fake', identity, limit: 20 })).filter(
      ({ direction }) => direction === 'out',
    )
  afterEach(() => t.stop())

  it('write a response and a direct send', async () => {
    await begin({ punctuation: 'plain', accents: 'strip' }, answering('“Žluť”'))
    await t.receive('hello')
    await t.send({ to: '1', text: 'It’s' })
    expect(sentTexts()).to.deep.equal(['"Zlut"', "It's"])
  })

  it('come after the outgoing phase', async () => {
    await begin({ punctuation: 'plain' }, changing('It’s'), echo())
    await t.receive('echo hello')
    await t.send({ to: '1', text: 'hello' })
    expect(sentTexts()).to.deep.equal(["It's", "It's"])
    expect((await outgoing())[0]).to.include({ text: "It's" })
  })

  it('of a backend stand over the general ones', async () => {
    const backends = { plain: fakeBackend(), kept: fakeBackend({ text: { punctuation: 'keep' } }) }
    t = await testSwitchboard({ apps: [], backends, settings: { text: { punctuation: 'plain' } } })
    await t.send({ to: '1', backend: 'plain', text: 'It’s' })
    await t.send({ to: '1', backend: 'kept', text: 'It’s' })
    expect(sentTexts()).to.deep.equal(["It's", 'It’s'])
  })

  it('refuse a send that is too long, and record nothing', async () => {
    await begin({ maxParts: 2 })
    const error = await rejection(t.send({ to: ['1', '2'], text: LONG }))
    expect(error).to.be.instanceOf(InvalidInputError)
    expect((error as Error).message).to.match(/^text: its 3 parts \(GSM-7\) are more than the 2/)
    expect((await t.store.log.counts()).outgoing).to.equal(0)
  })

  it('leave a response that is too long in ERROR, with the reason, and let the message be processed once', async () => {
    let runs = 0
    await begin(
      { maxParts: 2 },
      {
        name: 'app',
        handle(message) {
          runs++
          message.respond(LONG)
          return message.respond('short')
        },
      },
    )
    const { responses } = await t.receive({ identity: '1', text: 'hello', wait: '5s' })
    await t.advance('10s')
    expect(runs).to.equal(1)
    expect(responses?.map(({ text }) => text)).to.deep.equal(['short'])
    const [refused] = await outgoing()
    expect(refused).to.include({ state: 'ERROR', text: LONG })
    expect(refused?.error).to.match(/^text: its 3 parts/)
    expect(t.logs.filter(({ message }) => message === 'a response is too long and is not sent')).to.have.length(1)
  })

  it('let a refused response be sent whole by a replay', async () => {
    await begin({ maxParts: 2 }, answering(LONG))
    await t.receive({ identity: '1', text: 'hello' })
    const failed = await t.store.log.failed({ direction: 'out', limit: 10 })
    expect(failed.map(({ text }) => text)).to.deep.equal([LONG])
    await t.switchboard.router.replay(failed.map(({ id }) => id))
    await t.idle()
    expect(sentTexts()).to.deep.equal([LONG])
  })

  it('leave alone what an app has cancelled', async () => {
    await begin(split, { name: 'veto', outgoing: () => false }, answering(LONG))
    await t.receive({ identity: '1', text: 'hello' })
    expect(await outgoing()).to.deep.equal([])
    expect((await t.store.log.counts()).outgoing).to.equal(1)
    expect(t.logs.filter(({ level }) => level === 'warn')).to.deep.equal([])
  })

  it('settle a direct send that an app has made too long as ERROR, with the reason', async () => {
    await begin({ maxParts: 2 }, changing(LONG))
    await t.send({ to: '1', text: 'hello' })
    const [message] = await outgoing()
    expect(message).to.include({ state: 'ERROR', text: 'hello' })
    expect(message?.error).to.match(/^text: /)
    expect(t.sent).to.deep.equal([])
  })

  it('cut with a mark, and tell it in the log', async () => {
    await begin({ maxParts: 1, tooLong: 'cut' }, answering(LONG))
    await t.receive('hello')
    expect(sentTexts()).to.deep.equal([`${'a'.repeat(157)}...`])
    const [line] = t.logs.filter(({ message }) => message === 'a text is too long and was cut')
    expect(line?.fields).to.include({ leftOut: 400 - 157 })
  })

  it('split a response into messages that leave in order, each answering the same', async () => {
    await begin(split, answering(LONG))
    const { id } = await t.receive('hello')
    expect(sentTexts().map((text) => text.slice(-6))).to.deep.equal([' (1/3)', ' (2/3)', ' (3/3)'])
    expect(new Set(t.sent.map((message) => message.id)).size).to.equal(3)
    for (const { inResponseTo } of t.sent) expect(inResponseTo?.id).to.equal(id)
  })

  it('split a send, and give all ids', async () => {
    await begin(split)
    const sent = await t.send({ to: ['1', '2'], text: LONG })
    expect(sent.map(({ identity }) => identity)).to.deep.equal(['1', '1', '1', '2', '2', '2'])
    expect(t.sent.filter(({ identity }) => identity === '2').map(({ id }) => id)).to.deep.equal(
      sent.slice(3).map(({ id }) => id),
    )
  })

  it('split what an app has made too long, keep the order through a retry, and phase nothing twice', async () => {
    let phases = 0
    await begin(split, {
      name: 'changer',
      outgoing(message) {
        phases++
        message.text = LONG
      },
    })
    t.fake.failNext(1)
    await t.send({ to: '1', text: 'hello', expires: new Date(t.clock.now() + 3_600_000) })
    await t.advance('1m')
    expect(sentTexts().map((text) => text.slice(-6))).to.deep.equal([' (1/3)', ' (2/3)', ' (3/3)'])
    expect(phases).to.equal(1)
  })

  it('split nothing that sendNow sends', async () => {
    await begin(split, changing('short'))
    expect(await rejection(t.switchboard.router.sendNow({ to: '1', text: LONG }))).to.be.instanceOf(MessageSendError)
    expect((await t.store.log.counts()).outgoing).to.equal(0)
  })

  it('send nothing of what an app has made too long for sendNow', async () => {
    await begin(split, changing(LONG))
    const error = await rejection(t.switchboard.router.sendNow({ to: '1', text: 'hello' }))
    expect(error).to.be.instanceOf(MessageSendError)
    expect(t.sent).to.deep.equal([])
  })

  it('leave the length of answers within a USSD session alone', async () => {
    await begin({ ...split, punctuation: 'plain' }, answering(`${LONG}’`, { session: { id: 's', event: 'new' } }))
    await t.receive('hello')
    expect(sentTexts()).to.deep.equal([`${LONG}'`])
  })

  it('leave texts alone where nothing leaves, unless settings say otherwise', async () => {
    await begin(undefined, echo())
    const text = `’${'x'.repeat(5_000)}`
    await t.receive(`echo ${text}`)
    expect(sentTexts()).to.deep.equal([text])
  })
})
