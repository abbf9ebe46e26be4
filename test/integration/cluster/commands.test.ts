import { expect } from 'chai'
import type { RunningServer } from '../../support/process.ts'
import { skip } from '../../support/skip.ts'
import { until } from '../../support/until.ts'
import { Cluster, whyNoCluster } from './cluster.ts'

const LIMIT_MS = 150_000
/** The sweep of every minute must not be what finds it. */
const NOTICED_WITHIN_MS = 20_000

describe('commands beside a running cluster', function () {
  this.timeout(LIMIT_MS)
  let cluster: Cluster
  let web: RunningServer
  let worker: RunningServer

  before(async function () {
    const why = whyNoCluster()
    if (why !== undefined) skip(this, why)
    cluster = await Cluster.create()
    web = await cluster.start('web')
    worker = await cluster.start('worker', { FAILS: 'yes' })
  })

  after(() => cluster?.remove())

  const done = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.run(args)
    expect(code, stdout + stderr).to.equal(0)
    return stdout
  }
  const isSent = (identity: string, text: string) =>
    until(`"${text}" is sent`, () => cluster.recorder.textsTo(identity).includes(text), NOTICED_WITHIN_MS)

  it('a message that is sent leaves at once', async () => {
    await done('send', '--to', '254730001', '254730002', '--text', 'from the command', '--backend', 'far')
    await Promise.all(['254730001', '254730002'].map((identity) => isSent(identity, 'from the command')))
  })

  it('a message that is received is worked at once', async () => {
    await done('receive', '--identity', '254730003', '--text', 'hello', '--backend', 'far')
    await isSent('254730003', 're hello')
  })

  it('migrate finds nothing to do, and leaves the servers at work', async () => {
    await done('migrate')
    await done('receive', '--identity', '254730004', '--text', 'after it', '--backend', 'far')
    await isSent('254730004', 're after it')
  })

  it('a failed message that is replayed is worked at once', async () => {
    const post = { identity: '254730005', text: 'fail at first' }
    expect((await cluster.client.post(`${web.url}/backends/far/`, post)).status).to.equal(200)
    await until('it has failed', async () => {
      const { incoming } = await cluster.records()
      return incoming.some(({ text, state }) => text === post.text && state === 'FAILED')
    })
    await worker.stop()
    worker = await cluster.start('worker')
    await done('replay', '--all')
    await isSent('254730005', 're fail at first')
  })

  it('purge removes what is old, and the servers work on', async () => {
    await done('purge', '--older-than', '1d')
    await done('receive', '--identity', '254730006', '--text', 'still there', '--backend', 'far')
    await isSent('254730006', 're still there')
  })

  it('work while Redis is away, and are noticed when it is back', async () => {
    await cluster.redis.stop()
    await done('receive', '--identity', '254730007', '--text', 'without Redis', '--backend', 'far')
    await cluster.redis.start()
    await isSent('254730007', 're without Redis')
  })
})
