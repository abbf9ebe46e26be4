import { expect } from 'chai'
import { InvalidInputError } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { rejection } from '../support/rejection.ts'

const FORMS = ['0712345678', '712345678', '254712345678', '+254712345678', '00254712345678', '+254 712 345 678']
const ONE = '+254712345678'

describe('numbers', () => {
  let t: TestSwitchboard
  const begin = async (numbers: { region?: string } | undefined) => {
    const backends = {
      fake: fakeBackend(),
      names: fakeBackend({ numbers: false }),
      tz: fakeBackend({ numbers: { region: 'TZ' } }),
    }
    t = await testSwitchboard({ apps: [echo()], backends, settings: { numbers } })
  }
  const identities = () => t.sent.map(({ identity }) => identity)
  afterEach(() => t.stop())

  it('come in as one person, whatever form they have', async () => {
    await begin({ region: 'KE' })
    for (const identity of FORMS) await t.receive({ identity, text: 'echo hello' })
    expect(identities()).to.deep.equal(FORMS.map(() => ONE))
    expect(await t.store.log.recentIdentities('fake', 10)).to.deep.equal([ONE])
  })

  it('are written to as one person', async () => {
    await begin({ region: 'KE' })
    for (const to of FORMS) expect((await t.send({ to, text: 'hello' }))[0]?.identity).to.equal(ONE)
    expect(await t.send({ to: FORMS, text: 'hello' })).to.have.length(1)
    const other = await t.send({ to: { backend: 'fake', identity: ' 0712345678 ' }, text: 'hello' })
    expect(other[0]?.identity).to.equal(ONE)
  })

  it('are told as repeats by their ids in any form', async () => {
    await begin({ region: 'KE' })
    const first = await t.receive({ identity: '0712345678', text: 'hello', externalId: 'x' })
    const again = await t.receive({ identity: '+254712345678', text: 'hello', externalId: 'x' })
    expect(again).to.include({ id: first.id, duplicate: true })
  })

  it('are joined without a region where they are international, and plain digits are kept', async () => {
    await begin(undefined)
    for (const identity of FORMS) await t.receive({ identity, text: 'echo hello' })
    expect(identities()).to.deep.equal(['0712345678', '712345678', '254712345678', ONE, ONE, ONE])
  })

  it('are understood as each backend says', async () => {
    await begin({ region: 'KE' })
    const sent = await t.send({
      to: [
        { backend: 'fake', identity: '0712345678' },
        { backend: 'names', identity: '0712345678' },
        { backend: 'tz', identity: '0712345678' },
      ],
      text: 'hello',
    })
    expect(sent.map(({ identity }) => identity)).to.deep.equal([ONE, '0712345678', '+255712345678'])
  })

  it('are never refused when they come in', async () => {
    await begin({ region: 'KE' })
    for (const identity of ['2.54E+11', 'AIRTEL', '22000', '8005551212', '1112223333', '\ud800', '+']) {
      await t.receive({ identity, text: 'echo hello' })
      expect(identities().at(-1)).to.equal(identity.toWellFormed())
    }
  })

  it('that a spreadsheet has broken are refused when they are sent to, and named', async () => {
    await begin({ region: 'KE' })
    const error = await rejection(t.send({ to: ['0712345678', '2.54712E+11'], text: 'hello' }))
    expect(error).to.be.instanceOf(InvalidInputError)
    expect((error as Error).message).to.match(/^to: "2\.54712E\+11" is a number as a spreadsheet shows it/)
    expect(t.sent).to.deep.equal([])
  })

  it('that look broken are only identities where identities are no numbers', async () => {
    await begin({ region: 'KE' })
    await t.send({ to: { backend: 'names', identity: '2.54E+11' }, text: 'hello' })
    expect(identities()).to.deep.equal(['2.54E+11'])
  })

  it('find the contact in any form, and go where a response is told to go', async () => {
    t = await testSwitchboard({
      settings: { numbers: { region: 'KE' } },
      apps: [
        {
          name: 'app',
          async handle(message, { contacts }) {
            const identity = '0712 345 678'
            await contacts.create({ name: 'Asha' }, { backend: 'fake', identity })
            const found = await contacts.find({ backend: 'fake', identity: '254712345678' })
            return message.respond(found?.name ?? 'nobody', { to: { backend: 'fake', identity } })
          },
        },
      ],
    })
    await t.receive({ identity: '1', text: 'hello' })
    expect(t.sent[0]).to.include({ identity: ONE, text: 'Asha' })
    expect(await t.store.contacts.ofConnection({ backend: 'fake', identity: ONE })).to.include({ name: 'Asha' })
  })

  it('stand in scripts in any form', async () => {
    await begin({ region: 'KE' })
    await t.script('0712345678 > echo hello\n254712345678 < hello')
  })
})
