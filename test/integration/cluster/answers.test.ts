import { expect } from 'chai'
import type { RunningServer } from '../../support/process.ts'
import { skip } from '../../support/skip.ts'
import { until } from '../../support/until.ts'
import { Cluster, whyNoCluster } from './cluster.ts'

const LIMIT_MS = 60_000
const WAIT_MS = 700

describe('an answer in the same request, by way of a worker', function () {
  this.timeout(LIMIT_MS)
  let cluster: Cluster
  let web: RunningServer

  before(async function () {
    const why = whyNoCluster()
    if (why !== undefined) skip(this, why)
    cluster = await Cluster.create()
    web = await cluster.start('web', { WAIT: String(WAIT_MS) })
  })

  after(() => cluster?.remove())

  const ask = async (identity: string, text: string) => {
    const began = performance.now()
    const { status, body } = await cluster.client.post(`${web.url}/backends/asks/`, {
      identity,
      text,
      externalId: `${identity} ${text}`,
    })
    return { status, body, took: performance.now() - began }
  }
  const sentTo = (identity: string) => cluster.recorder.textsTo(identity)

  it('comes back to the web process that waits, and is not sent once more', async () => {
    const worker = await cluster.start('worker')
    const asked = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(`2547100${index}`, 'hello')))
    expect(asked.map(({ status, body }) => `${status} ${body}`)).to.deep.equal(asked.map(() => '200 re hello'))
    expect((await ask('25471000', 'hello')).body, 'repeated').to.equal('re hello')
    await cluster.untilQuiet(30_000)
    expect(cluster.recorder.received).to.deep.equal([])
    await worker.stop()
  })

  it('falls back when no worker is there, and the late answer is sent', async () => {
    const { status, body, took } = await ask('254720001', 'late')
    expect({ status, body }).to.deep.equal({ status: 200, body: 'later' })
    expect(took).to.be.within(WAIT_MS - 20, WAIT_MS + 1_000)
    const worker = await cluster.start('worker')
    await until('it is sent', () => sentTo('254720001').length > 0, 10_000)
    await cluster.untilQuiet(30_000)
    expect(sentTo('254720001')).to.deep.equal(['re late'])
    await worker.stop()
  })

  it('falls back while Redis is away, and the late answer is sent once', async () => {
    const worker = await cluster.start('worker')
    await cluster.redis.stop()
    const { status, body, took } = await ask('254720002', 'away')
    expect({ status, body }).to.deep.equal({ status: 200, body: 'later' })
    expect(took).to.be.within(WAIT_MS - 20, WAIT_MS + 1_000)
    await cluster.redis.start()
    await until('it is sent', () => sentTo('254720002').length > 0, 10_000)
    await cluster.untilQuiet(30_000)
    expect(sentTo('254720002')).to.deep.equal(['re away'])
    await worker.stop()
  })
})
