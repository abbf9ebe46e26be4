import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { RunningServer } from '../../support/process.ts'
import { skip } from '../../support/skip.ts'
import { until } from '../../support/until.ts'
import { type Random, seededRandom } from '../random.ts'
import { Cluster, type Role, whyNoCluster } from './cluster.ts'
import { countDuplicates, expectNothingLostOrTwice } from './cluster-records.ts'
import { Crowd } from './crowd.ts'

const ROUNDS = Number(process.env['SWITCHBOARD_KILL_ROUNDS'] ?? 20)
const FREEZES = Math.max(1, Math.floor(ROUNDS / 20))
const SEED = Number(process.env['SWITCHBOARD_TEST_SEED'] ?? Date.now() % 2 ** 31)
const LIMIT_MS = 150_000 + ROUNDS * 10_000
const ROLES: readonly Role[] = ['web', 'worker', 'web', 'worker']
/** Longer than the lease of three seconds by which a worker holds its lanes. */
const FROZEN_MS = 4_500
const QUIET_LIMIT_MS = 90_000

describe(`processes of a cluster that fail (SWITCHBOARD_TEST_SEED=${SEED}, rounds ${ROUNDS})`, function () {
  this.timeout(LIMIT_MS)
  let cluster: Cluster
  let random: Random
  let crowd: Crowd
  let servers: (RunningServer | undefined)[]
  let inFlight: ReadonlySet<string>[]

  before(function () {
    const why = whyNoCluster()
    if (why !== undefined) skip(this, why)
  })

  beforeEach(async () => {
    random = seededRandom(SEED)
    const behaviour = async () => {
      await pause(random.between(0, 8))
      return 200
    }
    cluster = await Cluster.create({ behaviour })
    servers = []
    inFlight = []
    const urls = () => servers.flatMap((server, index) => (server && ROLES[index] === 'web' ? [server.url] : []))
    crowd = new Crowd(cluster.client, random, urls)
    await Promise.all(ROLES.map((_, index) => restart(index)))
  })

  afterEach(() => cluster?.remove())

  const restart = async (index: number): Promise<void> => {
    servers[index] = await cluster.start(ROLES[index] ?? 'web')
  }

  const kill = async (index: number): Promise<void> => {
    const server = servers[index]
    servers[index] = undefined
    await server?.stop('SIGKILL')
  }

  /** New messages are taken, and new answers arrive. */
  const underLoad = async (): Promise<void> => {
    const [taken, answered] = [crowd.acknowledged.size, cluster.recorder.received.length]
    await until(
      'there is load',
      () => crowd.acknowledged.size > taken + 20 && cluster.recorder.received.length > answered + 20,
      QUIET_LIMIT_MS,
    )
  }

  const expectAllWell = async (): Promise<void> => {
    await crowd.stop()
    await cluster.untilQuiet(QUIET_LIMIT_MS)
    const records = await cluster.records()
    const { received } = cluster.recorder
    const open = inFlight.reduce((sum, ids) => sum + ids.size, 0)
    console.log(
      `      ${crowd.acknowledged.size} messages answered 200, ${records.outgoing.length} sent, ` +
        `${open} sends in flight at the faults, ${countDuplicates(received)} duplicates at the far side`,
    )
    expectNothingLostOrTwice({ records, crowd, received, inFlight })
    expect(crowd.troubles.filter(({ status }) => status !== undefined && status !== 503)).to.deep.equal([])
  }

  it('are killed under load, one or two at a time: nothing is lost or worked twice, and everyone stays in order', async () => {
    crowd.write({ repeating: 16, plain: 8 })
    const restarts = new Set<Promise<void>>()
    const isUp = (role: string) => servers.some((server, index) => server !== undefined && ROLES[index] === role)
    for (let round = 0; round < ROUNDS; round++) {
      await underLoad()
      await pause(random.between(20, 300))
      const up = [...servers.keys()].filter((index) => servers[index] !== undefined)
      const doomed = new Set([0, 1].map(() => up[random.between(0, up.length)] ?? 0))
      await Promise.all([...doomed].map(kill))
      if ([...doomed].some((index) => ROLES[index] === 'worker')) inFlight.push(await cluster.sendsInFlight())
      for (const index of doomed) restarts.add(restart(index))
      // Two of a role may be away at once, but not for the whole of a round, in which nothing could be shown.
      if (!isUp('web') || !isUp('worker')) await Promise.all(restarts)
    }
    await Promise.all(restarts)
    await expectAllWell()
  })

  it('are frozen past their leases: another takes over, and who comes back writes nothing', async () => {
    crowd.write({ repeating: 16, plain: 8 })
    for (let round = 0; round < FREEZES; round++) {
      await underLoad()
      const frozen = servers[round % 2 === 0 ? 1 : 3]
      frozen?.child.kill('SIGSTOP')
      inFlight.push(await cluster.sendsInFlight())
      await pause(FROZEN_MS)
      await underLoad()
      frozen?.child.kill('SIGCONT')
      inFlight.push(await cluster.sendsInFlight())
    }
    await underLoad()
    await expectAllWell()
  })
})
