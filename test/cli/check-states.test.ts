import { expect } from 'chai'
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { type FarSide, farSide } from '../support/far-side.ts'
import { createProject, type Project } from '../support/project.ts'
import { outgoingLane, outgoingRow, sendFirst } from '../support/store-rows.ts'
import { until } from '../support/until.ts'

const ACCOUNT = `AC${'0'.repeat(32)}`
const HOUR = 3600_000

describe('switchboard check-states', function () {
  this.timeout(120_000)
  let project: Project
  let far: FarSide

  beforeEach(async () => {
    far = await farSide()
    project = createProject(`
import { defineSettings } from 'sms-switchboard'
import { httptester, twilio } from 'sms-switchboard/backends'

export default defineSettings({
  backends: {
    sms: twilio({ baseUrl: '${far.url}', accountSid: '${ACCOUNT}', authToken: 'a-token-of-twilio', from: '+15005550006' }),
    httptester: httptester(),
  },
  apps: [],
  console: { enabled: false },
  stateChecks: { askAfter: 0, perSecond: 1000, idleAfter: 3600000 },
})
`)
  })

  afterEach(async () => {
    await project.remove()
    await far.stop()
  })

  const answer = (sid: string, status: string) => ({ body: JSON.stringify({ sid, status }) })
  const opened = async <T>(role: 'server' | 'command', act: (store: SqliteStore) => Promise<T>): Promise<T> => {
    const store = new SqliteStore({ file: project.file('data/switchboard.db'), role })
    await store.open()
    try {
      return await act(store)
    } finally {
      await store.close()
    }
  }
  const stateOf = (id: string) => opened('command', async (store) => (await store.log.find(id))?.state)
  /** A message that was given to the service by a server that is gone. */
  const given = async (externalId: string, state: 'SENT' | 'SENDING', at = Date.now()) => {
    const row = outgoingRow({ backend: 'sms', createdAt: at, identity: externalId })
    await opened('server', async (store) => {
      await store.recordOutgoing([row])
      const lane = outgoingLane(externalId, 'sms')
      await sendFirst(store, lane, {
        startedAt: at,
        at,
        externalIds: [externalId],
        outcome: { kind: 'settled', state },
      })
    })
    return row.id
  }
  const check = () => project.run(['check-states'])

  it('asks beside a running server, and tells what it came to', async () => {
    const server = await project.start()
    far.answer(answer('SM1', 'queued'))
    const { stdout } = await project.run(['send', '--to', '+254711000001', '--text', 'hi', '--backend', 'sms'])
    const [id = ''] = /[0-9a-f-]{36}/.exec(stdout) ?? []
    await until('the message to be sent', async () => (await stateOf(id)) === 'SENT')
    far.answer(answer('SM1', 'delivered'))
    expect(await check()).to.deep.include({
      code: 0,
      stdout: 'BACKEND  ASKED  CHANGED  TIMED OUT  FAILURES\nsms      1      1        0          0\n',
    })
    expect(await stateOf(id)).to.equal('DELIVERED')
    expect(far.requests.at(-1)?.target).to.equal(`/2010-04-01/Accounts/${ACCOUNT}/Messages/SM1.json`)
    expect((await server.stop()).code).to.equal(0)
  })

  it('fails when a service could not be asked, and settles what was never confirmed all the same', async () => {
    const lost = await given('SM2', 'SENDING', Date.now() - 2 * HOUR)
    const young = await given('SM3', 'SENDING')
    far.answer({ status: 401, body: '{"code":20003,"message":"Authenticate"}' })
    const { code, stdout, stderr } = await check()
    expect(code, stderr).to.equal(1)
    expect(stdout).to.match(/^sms +2 +0 +1 +1$/m)
    expect(await stateOf(lost)).to.equal('UNKNOWN')
    expect(await stateOf(young)).to.equal('SENDING')
  })

  it('does nothing while another process checks', async () => {
    await given('SM4', 'SENT')
    const now = Date.now()
    await opened('command', (store) => store.memory.lease('state-checks', 'somebody', now, now + HOUR))
    const { code, stderr } = await check()
    expect({ code, stderr }).to.deep.equal({ code: 1, stderr: 'another process checks the states just now\n' })
    expect(far.requests).to.deep.equal([])
  })

  it('has nothing to do in an empty database, and takes no arguments', async () => {
    expect((await check()).stdout).to.match(/^sms +0 +0 +0 +0$/m)
    expect((await project.run(['check-states', '--fast'])).code).to.equal(2)
  })
})
