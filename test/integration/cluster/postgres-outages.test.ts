import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { RunningServer } from '../../support/process.ts'
import { skip } from '../../support/skip.ts'
import { until } from '../../support/until.ts'
import { seededRandom } from '../random.ts'
import { Cluster, whyNoCluster } from './cluster.ts'
import { expectNothingLostOrTwice } from './cluster-records.ts'
import { Crowd } from './crowd.ts'

const OUTAGE_MS = Number(process.env['SWITCHBOARD_OUTAGE_MS'] ?? 3_500)
const LIMIT_MS = 150_000 + 4 * OUTAGE_MS
const PEOPLE = 16
/** What a request may take on a busy machine; one that waited for the store would take the whole of the outage. */
const AWAY_ANSWER_MS = 3_000
const FROZEN_ANSWER_MS = 5_000
const GOES_ON_WITHIN_MS = 30_000
/** Written through to the disk, since a server is killed here. */
const SYNCED = ['-c', 'fsync=on']

describe('a cluster whose PostgreSQL fails', function () {
  this.timeout(LIMIT_MS)
  let cluster: Cluster
  let crowd: Crowd
  let webs: readonly RunningServer[]
  let inFlight: ReadonlySet<string>[]

  before(function () {
    const why = whyNoCluster()
    if (why !== undefined) skip(this, why)
  })

  beforeEach(async () => {
    cluster = await Cluster.create({ postgres: SYNCED })
    inFlight = []
    webs = await Promise.all([cluster.start('web'), cluster.start('web')])
    await Promise.all([cluster.start('worker'), cluster.start('worker')])
    const urls = webs.map(({ url }) => url)
    crowd = new Crowd(cluster.client, seededRandom(2), () => urls)
    crowd.write({ repeating: PEOPLE })
    await underLoad()
  })

  afterEach(() => cluster?.remove())

  const underLoad = async () => {
    const [taken, answered] = [crowd.acknowledged.size, cluster.recorder.received.length]
    const isBusy = () => crowd.acknowledged.size > taken + 40 && cluster.recorder.received.length > answered + 40
    await until('there is load', isBusy, GOES_ON_WITHIN_MS)
  }

  /** How every request is answered from here on until the store is back; `settled` passes over those on their way. */
  const answersDuring = async (what: () => Promise<void>) => {
    const from = crowd.troubles.length
    await what()
    return crowd.troubles.slice(from)
  }

  const expectNotReady = async () => {
    for (const { url } of webs) {
      const { status, body } = await cluster.client.get(`${url}/readyz`)
      expect({ ...(JSON.parse(body) as object), status }).to.include({ status: 503, store: 'unavailable', queue: 'ok' })
      expect((await cluster.client.get(`${url}/healthz`)).status).to.equal(200)
    }
  }

  const expectRefused = (troubles: Crowd['troubles'], limit: number) => {
    expect(troubles.length, 'refused').to.be.greaterThan(PEOPLE)
    expect(troubles.filter(({ status, retryAfter }) => status !== 503 || retryAfter === undefined)).to.deep.equal([])
    expect(
      troubles.filter(({ took }) => took > limit),
      'refused late',
    ).to.deep.equal([])
  }

  const expectAllWell = async () => {
    await underLoad()
    await crowd.stop()
    await cluster.untilQuiet(GOES_ON_WITHIN_MS)
    const records = await cluster.records()
    expectNothingLostOrTwice({ records, crowd, received: cluster.recorder.received, inFlight })
  }

  it('stopped for some time, and killed: requests are refused at once, and all goes on by itself', async () => {
    for (const end of [() => cluster.postgres.stop(), () => cluster.postgres.kill()]) {
      const troubles = await answersDuring(async () => {
        await end()
        await pause(OUTAGE_MS / 2)
        await expectNotReady()
        await pause(OUTAGE_MS / 2)
        await cluster.postgres.start()
      })
      expectRefused(troubles, AWAY_ANSWER_MS)
      inFlight.push(await cluster.sendsInFlight())
      await underLoad()
    }
    await expectAllWell()
  })

  it('frozen: requests are refused within their limit, and all goes on by itself', async () => {
    const troubles = await answersDuring(async () => {
      cluster.postgres.freeze()
      await pause(OUTAGE_MS)
      await expectNotReady()
      await pause(OUTAGE_MS)
    })
    cluster.postgres.thaw()
    expectRefused(troubles, FROZEN_ANSWER_MS)
    inFlight.push(await cluster.sendsInFlight())
    await expectAllWell()
  })
})
