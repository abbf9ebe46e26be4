import { expect } from 'chai'
import sinon from 'sinon'
import { fakeBackend } from 'sms-switchboard/testing'
import { hashKey } from '../../src/http/users/password-hash.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import type { SettingsInput } from '../../src/settings/schema.ts'
import { createSwitchboard, type Switchboard } from '../../src/settings/switchboard.ts'
import { type CallbackReceiver, type ReceiverAnswer, startReceiver } from '../support/callback-receiver.ts'
import { until } from '../support/until.ts'

const LOOKS = 3

describe('callbacks in their turns', () => {
  const receivers: CallbackReceiver[] = []
  let switchboard: Switchboard

  afterEach(async () => {
    sinon.restore()
    await switchboard.stop()
    for (const receiver of receivers.splice(0)) await receiver.close()
  })

  const start = async (callbacks: NonNullable<SettingsInput['http']>['callbacks']) => {
    const settings = {
      ...{ databaseUrl: 'sqlite::memory:', apps: [], log: { level: 'silent' }, backends: { fake: fakeBackend() } },
      http: {
        users: Object.fromEntries(
          ['ann', 'bob'].map((name) => [name, { role: 'sender', keys: [hashKey(`swb_${name}`)] }]),
        ),
        callbacks: { allow: ['127.0.0.1'], ports: 'any', timeLimit: 60_000, ...callbacks },
      },
    } as SettingsInput
    switchboard = createSwitchboard(settings, { logger: silentLogger })
    await switchboard.start()
    return { router: switchboard.router, stored: switchboard.parts.store.callbacks }
  }
  const receiver = async (answer?: ReceiverAnswer) => {
    const made = await startReceiver(answer)
    receivers.push(made)
    return made
  }
  const receive = (identity: string) => switchboard.router.receive('fake', { identity, text: 'x' })
  /** Answers when it is opened, and from then on at once. */
  const gate = () => {
    const opened = new AbortController()
    const promise = new Promise<void>((resolve) => opened.signal.addEventListener('abort', () => resolve()))
    return { answer: () => promise, open: () => opened.abort() }
  }
  /** Waits until it has been looked some times more for what is due. */
  const looks = async ({ targets }: { readonly targets: unknown }) => {
    const spied = targets as sinon.SinonSpy
    const before = spied.callCount
    await until('it was looked again', () => spied.callCount >= before + LOOKS)
  }

  it("of one owner wait for no other's, however many and slow those are", async () => {
    const { router } = await start({ allConcurrency: 4 })
    const slow = await receiver(() => new Promise(() => {}))
    const quick = await receiver()
    for (const path of ['1', '2', '3', '4', '5'])
      await router.callbacks.create({ name: 'sms_received', url: `${slow.url}/${path}` }, { user: 'ann' })
    await router.callbacks.create({ name: 'sms_received', url: quick.url }, { user: 'bob' })
    for (let person = 0; person < 8; person++) await receive(`1555000${person}`)
    await until("bob's are all told", () => quick.got.length === 8)
    expect(slow.got).to.have.lengthOf(2)
  })

  it('are not taken in hand before one can be told', async () => {
    const { router, stored } = await start({ allConcurrency: 1, concurrency: 2 })
    const { answer, open } = gate()
    const told = await receiver(answer)
    for (const path of ['1', '2']) await router.callbacks.create({ name: 'sms_received', url: `${told.url}/${path}` })
    sinon.spy(stored, 'targets')
    const claim = sinon.spy(stored, 'claim')
    await receive('15550001')
    await until('one is asked', () => told.got.length === 1)
    await looks(stored)
    expect(new Set(claim.args.map(([{ target }]) => target)).size).to.equal(1)
    open()
    await until('both are told', () => told.got.length === 2)
  })

  it('are told where their callback is now, in their turn there', async () => {
    const { router, stored } = await start({})
    const told = await receiver()
    const { id } = await router.callbacks.create({ name: 'sms_received', url: told.url })
    const callback = await stored.find(id)
    if (callback === undefined) throw new Error('there is no callback')
    sinon
      .stub(stored, 'find')
      .callThrough()
      .onFirstCall()
      .resolves({ ...callback, target: 'elsewhere' })
    const settle = sinon.spy(stored, 'settle')
    await receive('15550001')
    await until('it is told', () => settle.callCount === 2)
    expect(settle.args.flat(2).map(({ kind }) => kind)).to.deep.equal(['released', 'delivered'])
    expect(told.got).to.have.lengthOf(1)
  })

  it('go on one at a time where the store fails meanwhile', async () => {
    const { router, stored } = await start({ concurrency: 2 })
    const { answer, open } = gate()
    const told = await receiver(answer)
    await router.callbacks.create({ name: 'sms_received', url: told.url })
    sinon.spy(stored, 'targets')
    const find = sinon.stub(stored, 'find').callThrough()
    find.onSecondCall().rejects(new Error('away'))
    await Promise.all(['1', '2'].map(receive))
    await until('one is asked, and one has failed', () => told.got.length === 1 && find.callCount >= 2)
    await Promise.all(['3', '4', '5'].map(receive))
    await looks(stored)
    expect(told.got).to.have.lengthOf(1)
    open()
    await until('the others are told', () => told.got.length === 4)
  })
})
