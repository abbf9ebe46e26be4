import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { isLong } from '../../support/long-tests.ts'
import type { RunningServer } from '../../support/process.ts'
import { skip } from '../../support/skip.ts'
import { until } from '../../support/until.ts'
import { seededRandom } from '../random.ts'
import { Cluster, whyNoCluster } from './cluster.ts'
import { expectNothingLostOrTwice } from './cluster-records.ts'
import { Crowd } from './crowd.ts'
import { Network } from './network.ts'

const LIMIT_MS = 240_000
const PEOPLE = 16
/** Far longer than a lease lasts; on a busy machine processes that follow each other take their time. */
const TAKEN_OVER_WITHIN_MS = 25_000
/** What was open when the network was cut has to be finished by the other worker within this time. */
const QUIET_LIMIT_MS = 90_000
/** What was asked before the cut and given up arrives now, and takes lanes from who works them. */
const MENDING_MS = 400

describe('a worker whose network is cut without a word', function () {
  this.timeout(LIMIT_MS)
  let cluster: Cluster
  let networks: Network[]
  let crowd: Crowd
  let web: RunningServer

  before(function () {
    const why = whyNoCluster()
    if (why !== undefined) skip(this, why)
  })

  beforeEach(async () => {
    cluster = await Cluster.create()
    networks = []
    web = await cluster.start('web')
    crowd = new Crowd(cluster.client, seededRandom(3), () => [web.url])
  })

  afterEach(async () => {
    await cluster?.remove()
    await Promise.all(networks.map((network) => network.close()))
  })

  const networkTo = async (port: number): Promise<Network> => {
    const network = await Network.to(port)
    networks.push(network)
    return network
  }

  /** Two workers, one behind the network; it is cut under load, and mended when the other has taken over. */
  const cutAndMend = async (env: Readonly<Record<string, string>>, ...ways: readonly Network[]): Promise<void> => {
    await Promise.all([cluster.start('worker'), cluster.start('worker', env)])
    crowd.write({ repeating: PEOPLE })
    await until('there is load', () => cluster.recorder.received.length > 150, 20_000)
    for (const way of ways) way.cut()
    const inFlight = [await cluster.sendsInFlight()]
    await expectTakenOver()
    inFlight.push(await cluster.sendsInFlight())
    for (const way of ways) way.mend()
    inFlight.push(await sendsInFlightFor(MENDING_MS))
    await pause(1_500)
    await crowd.stop()
    await cluster.untilQuiet(QUIET_LIMIT_MS)
    expect(crowd.troubles).to.deep.equal([])
    const records = await cluster.records()
    expectNothingLostOrTwice({ records, crowd, received: cluster.recorder.received, inFlight })
  }

  /** All sends that were in flight at some moment of so many milliseconds. */
  const sendsInFlightFor = async (milliseconds: number): Promise<ReadonlySet<string>> => {
    const end = Date.now() + milliseconds
    const seen = new Set(await cluster.sendsInFlight())
    while (Date.now() < end) for (const id of await cluster.sendsInFlight()) seen.add(id)
    return seen
  }

  /** What everyone had written until now is worked. */
  const expectTakenOver = async (): Promise<void> => {
    const { incoming, outgoing } = await cluster.records()
    const open = new Set([
      ...incoming.filter(({ state }) => state === 'RECEIVED').map(({ id }) => id),
      ...outgoing.filter((one) => one.is_open).map(({ id }) => id),
    ])
    await until(
      'the other has taken over',
      async () => {
        const now = await cluster.records()
        return (
          !now.incoming.some(({ id, state }) => open.has(id) && state === 'RECEIVED') &&
          !now.outgoing.some(({ id, is_open: isOpen }) => open.has(id) && isOpen)
        )
      },
      TAKEN_OVER_WITHIN_MS,
    )
  }

  it('to Redis: another takes its lanes over, and nothing stale is written when it is back', async function () {
    if (!isLong) skip(this, 'takes long; SWITCHBOARD_LONG_TESTS=true runs it')
    const network = await networkTo(cluster.redis.port)
    await cutAndMend({ REDIS_URL: `redis://127.0.0.1:${network.port}` }, network)
  })

  it('to PostgreSQL: another takes its lanes over, and nothing stale is written when it is back', async () => {
    const url = new URL(cluster.databaseUrl)
    const network = await networkTo(Number(url.port))
    url.port = String(network.port)
    await cutAndMend({ DATABASE_URL: url.href }, network)
  })

  it('to both: another takes its lanes over, and nothing stale is written when it is back', async function () {
    if (!isLong) skip(this, 'takes long; SWITCHBOARD_LONG_TESTS=true runs it')
    const url = new URL(cluster.databaseUrl)
    const [redis, postgres] = [await networkTo(cluster.redis.port), await networkTo(Number(url.port))]
    url.port = String(postgres.port)
    await cutAndMend({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, DATABASE_URL: url.href }, redis, postgres)
  })
})
