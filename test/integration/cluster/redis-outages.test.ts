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
const LIMIT_MS = 120_000 + 4 * OUTAGE_MS
const LONGEST_ANSWER_MS = 1_500
const WORKED_WITHIN_MS = 30_000
const PEOPLE = 16
/** Until its holder has entered a lane again, another may take it; what is being sent then may be sent twice. */
const MOST_IN_FLIGHT = PEOPLE
/** Rings, turns, renewals and looks of three processes; a storm is thousands. */
const MOST_SCRIPTS_PER_SECOND = 1_500

describe('a cluster whose Redis fails', function () {
  this.timeout(LIMIT_MS)
  let cluster: Cluster
  let crowd: Crowd
  let web: RunningServer
  /** How often Redis has forgotten who holds which lane. */
  let losses: number

  before(async function () {
    const why = whyNoCluster()
    if (why !== undefined) skip(this, why)
  })

  beforeEach(async () => {
    cluster = await Cluster.create()
    losses = 0
    const servers = await Promise.all([cluster.start('web'), cluster.start('worker'), cluster.start('worker')])
    web = servers[0]
    crowd = new Crowd(cluster.client, seededRandom(1), () => [web.url])
    crowd.write({ repeating: PEOPLE })
    await until('there is load', () => cluster.recorder.received.length > 100, 20_000)
  })

  afterEach(() => cluster?.remove())

  const readiness = async () => {
    const { status, body } = await cluster.client.get(`${web.url}/readyz`)
    return { ...(JSON.parse(body) as { store: string; queue: string }), status }
  }

  const takenDuring = async (what: () => Promise<void>): Promise<number> => {
    const before = crowd.acknowledged.size
    crowd.takeLongest()
    await what()
    expect(crowd.takeLongest(), 'the slowest answer').to.be.lessThan(LONGEST_ANSWER_MS)
    return crowd.acknowledged.size - before
  }

  const expectAllWell = async () => {
    await crowd.stop()
    await cluster.untilQuiet(WORKED_WITHIN_MS)
    expect(crowd.troubles).to.deep.equal([])
    const records = await cluster.records()
    expectNothingLostOrTwice({
      records,
      crowd,
      received: cluster.recorder.received,
      mostRepeats: losses * MOST_IN_FLIGHT,
    })
  }

  it('emptied again and again under load: all is taken and worked, and there is no storm', async () => {
    for (let times = 0; times < 5; times++) {
      await cluster.redis.flush()
      losses++
      await takenDuring(() => pause(400))
    }
    const before = await cluster.redis.calls('evalsha')
    await pause(1_000)
    expect((await cluster.redis.calls('evalsha')) - before).to.be.lessThan(MOST_SCRIPTS_PER_SECOND)
    await expectAllWell()
    expect(await cluster.redis.lanes(), 'lanes left').to.equal(0)
  })

  it('stopped for some time, started without its data, killed: webs take all the while, and all is worked after it', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await cluster.redis.stop(signal)
      losses++
      const taken = await takenDuring(async () => {
        await until('it is said', async () => (await readiness()).queue === 'unavailable')
        await pause(OUTAGE_MS / 2)
        expect(await readiness()).to.include({ status: 503, store: 'ok', queue: 'unavailable' })
      })
      expect(taken, 'taken while Redis was away').to.be.greaterThan(50)
      await cluster.redis.start()
      const answered = cluster.recorder.received.length
      await until('work goes on', () => cluster.recorder.received.length > answered + 50, WORKED_WITHIN_MS)
    }
    // Workers may have reached it before the web has.
    await until('the web is ready', async () => (await readiness()).status === 200, WORKED_WITHIN_MS)
    expect(await readiness()).to.include({ status: 200, queue: 'ok' })
    await expectAllWell()
  })

  it('frozen past the leases: webs take all the while without hanging, and all is worked after it', async () => {
    cluster.redis.freeze()
    losses++
    const taken = await takenDuring(async () => {
      await pause(OUTAGE_MS)
      expect(await readiness()).to.include({ status: 503, store: 'ok', queue: 'unavailable' })
    })
    expect(taken, 'taken while Redis was frozen').to.be.greaterThan(50)
    cluster.redis.thaw()
    const answered = cluster.recorder.received.length
    await until('work goes on', () => cluster.recorder.received.length > answered + 50, WORKED_WITHIN_MS)
    await expectAllWell()
  })

  it('stopped while a web is killed: what nobody has rung is worked when both are back', async () => {
    await cluster.redis.stop()
    const taken = crowd.acknowledged.size
    await until('some more are taken', () => crowd.acknowledged.size > taken + 20)
    await crowd.stop()
    await web.stop('SIGKILL')
    await cluster.redis.start()
    web = await cluster.start('web')
    await cluster.untilQuiet(WORKED_WITHIN_MS)
  })
})
