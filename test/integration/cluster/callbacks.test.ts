import { setTimeout as pause } from 'node:timers/promises'
import { PostgresStore } from '../../../src/store/postgres/postgres-store.ts'
import { startReceiver } from '../../support/callback-receiver.ts'
import { addCallback } from '../../support/callback-rows.ts'
import { skip } from '../../support/skip.ts'
import { tellThroughKills } from '../callback-kills.ts'
import { Cluster, whyNoCluster } from './cluster.ts'

const LIMIT_MS = 150_000
const KILLS = 2
/** As the settings of the cluster say. */
const CONCURRENCY = 2
/** More than a process takes in hand at a time: the others go on while its leases last. */
const PEOPLE = 40

describe('callbacks of a cluster', function () {
  this.timeout(LIMIT_MS)
  let cluster: Cluster

  before(async function () {
    const why = whyNoCluster()
    if (why !== undefined) skip(this, why)
    cluster = await Cluster.create()
  })

  after(() => cluster?.remove())

  it(`lose nothing by ${KILLS} kills with SIGKILL while they are told; what is told twice has the same id`, async () => {
    const receiver = await startReceiver(() => pause(20))
    const store = new PostgresStore({ url: cluster.databaseUrl, role: 'server', lock: 'shared' })
    await store.open()
    await addCallback(store, { user: null, url: receiver.url })
    await store.close()
    const servers = Array.from({ length: KILLS + 1 }, () => cluster.start('all'))
    await tellThroughKills({
      ...{ receiver, path: '/backends/far/', kills: KILLS, people: PEOPLE, concurrency: CONCURRENCY },
      server: async (round) => {
        const running = await Promise.all(servers)
        return running[round] ?? cluster.start('all')
      },
    })
    await receiver.close()
  })
})
