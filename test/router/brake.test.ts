import { expect } from 'chai'
import type { App } from 'sms-switchboard'
import { defaultReply, ping } from 'sms-switchboard/apps'
import { type TestMessage, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'

type Brake = Partial<Record<'shortestNumber' | 'perHour' | 'equalAnswers', number>> & { enabled?: boolean }

const MINUTE = 60_000

describe('the brake', () => {
  let t: TestSwitchboard
  const begin = async (brake: Brake = {}, ...apps: App[]) => {
    t = await testSwitchboard({ apps: [ping(), ...apps, defaultReply({ text: 'sorry' })], settings: { brake } })
  }
  const answersTo = async (message: string | TestMessage, times = 1) => {
    const before = t.sent.length
    for (let sent = 0; sent < times; sent++) await t.receive(message)
    return t.sent.length - before
  }
  /** The last answer that was recorded. */
  const last = async () => {
    const ids = t.logs.findLast(({ message }) => message === 'processed')?.fields['answers']
    return t.store.log.find(String(ids))
  }
  const warnings = () => t.logs.filter(({ level }) => level === 'warn')
  afterEach(() => t.stop())

  describe('keeps default answers from', () => {
    const senders: readonly (readonly [string, boolean])[] = [
      ...(['Safaricom', 'M-PESA', '1', '40404', '+40404', '123-456', 'Bank1234567890', '', '٤٠٤٠٤'] as const).map(
        (identity) => [identity, false] as const,
      ),
      ...(['8005551212', '+254712345678', '0700001', '070-00 01', '٠٧٠٠٠٠١'] as const).map(
        (identity) => [identity, true] as const,
      ),
    ]
    for (const [identity, isPerson] of senders) {
      it(`${JSON.stringify(identity)}: ${isPerson ? 'no' : 'yes'}`, async () => {
        await begin()
        expect(await answersTo({ identity, text: 'what' })).to.equal(isPerson ? 1 : 0)
        if (!isPerson) {
          const error = 'no default answer to a sender that is no phone number'
          expect(await last()).to.include({ text: 'sorry', state: 'CANCELLED', error })
        }
        expect(await answersTo({ identity, text: 'ping' })).to.equal(1)
      })
    }

    it('short senders unless settings let them', async () => {
      await begin({ shortestNumber: 5 })
      expect(await answersTo({ identity: '40404', text: 'what' })).to.equal(1)
      expect(await answersTo({ identity: '4040', text: 'what' })).to.equal(0)
    })
  })

  it('stops equal answers to equal texts after 20 within ten minutes, and warns once of who they are', async () => {
    await begin()
    expect(await answersTo('Dear customer', 25)).to.equal(20)
    const error = 'the same default answer to the same text 20 times within 10 minutes'
    expect(await last()).to.include({ state: 'CANCELLED', error })
    expect(warnings()).to.have.length(1)
    expect(warnings()[0]?.fields).to.include({ app: 'default-reply', backend: 'fake', reason: error })
    expect(warnings()[0]?.fields).to.have.property('identity')
    expect(await answersTo('another text')).to.equal(1)
    expect(await answersTo({ identity: '8005551213', text: 'Dear customer' })).to.equal(1)
    await t.advance(10 * MINUTE)
    expect(await answersTo('Dear customer')).to.equal(1)
  })

  it('counts anew when the ten minutes are over', async () => {
    await begin({ equalAnswers: 2 })
    for (let span = 0; span < 4; span++) {
      expect(await answersTo('Dear customer', 2)).to.equal(2)
      await t.advance(10 * MINUTE)
    }
  })

  it('bounds the answers to one person within an hour, whatever they say', async () => {
    await begin({ perHour: 5 })
    let answers = 0
    for (let sent = 0; sent < 30; sent++) {
      answers += await answersTo(`balance ${sent}`)
      await t.advance(MINUTE)
    }
    expect(answers).to.equal(5)
    expect(await last()).to.include({ state: 'CANCELLED', error: '5 default answers within an hour' })
    expect(warnings()).to.have.length(1)
    expect(await answersTo({ identity: '8005551213', text: 'what' })).to.equal(1)
    await t.advance(30 * MINUTE)
    expect(await answersTo('what')).to.equal(1)
  })

  it('ends a loop between two machines', async () => {
    let isLoop = true
    await begin({ equalAnswers: 3 })
    let turns = 0
    for (; isLoop && turns < 100; turns++) isLoop = (await answersTo('We got: sorry')) === 1
    expect(turns).to.equal(4)
  })

  it('leaves alone what other phases answer', async () => {
    const parrot: App = {
      name: 'parrot',
      parse: (message) => void message.respond('heard'),
      cleanup: (message) => void message.respond('done'),
    }
    await begin({ perHour: 1, equalAnswers: 1 }, parrot)
    expect(await answersTo('ping', 5)).to.equal(15)
    expect(await answersTo('what', 5)).to.equal(11)
  })

  it('leaves alone sessions, which a person has dialled', async () => {
    await begin({ perHour: 1 })
    expect(await answersTo({ text: '1', fields: { session: { id: 's', event: 'resume' } } }, 5)).to.equal(5)
  })

  it('keeps nothing back when it is off', async () => {
    await begin({ enabled: false, perHour: 1 })
    expect(await answersTo({ identity: 'Bank', text: 'what' }, 30)).to.equal(30)
  })

  it('counts a message once, however often its phases run', async () => {
    let failures = 3
    const shaky: App = {
      name: 'shaky',
      cleanup() {
        if (failures-- > 0) throw new Error('not yet')
      },
    }
    await begin({ perHour: 2 }, shaky)
    await t.receive('what')
    await t.advance(MINUTE)
    expect(t.sent).to.have.length(1)
    expect(await answersTo('what')).to.equal(1)
    expect(await answersTo('what')).to.equal(0)
  })

  it('counts anew where its document says something else', async () => {
    const vandal: App = {
      name: 'vandal',
      filter: async (message, { documents }) => {
        if (message.text !== 'break') return
        await documents.put('switchboard:brake', '["fake","8005551212"]', [null, 7, { key: '', from: 'x', count: {} }])
      },
    }
    await begin({ perHour: 1 }, vandal)
    expect(await answersTo('break')).to.equal(1)
    expect(await answersTo('what')).to.equal(0)
  })
})
