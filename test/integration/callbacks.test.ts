import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { nullBackend } from '../../src/backends/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { createSwitchboard } from '../../src/settings/switchboard.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { firsts, startReceiver } from '../support/callback-receiver.ts'
import { addCallback } from '../support/callback-rows.ts'
import { whyNoPostgres } from '../support/postgres.ts'
import { postgresDatabase } from '../support/postgres-store.ts'
import { whyNoRedis } from '../support/redis.ts'
import { createSite } from '../support/server-process.ts'
import { skip } from '../support/skip.ts'
import { until } from '../support/until.ts'
import { expectOrdered, tellThroughKills } from './callback-kills.ts'
import { RedisServer } from './cluster/redis-server.ts'

const LIMIT_MS = 240_000
const WAIT_MS = 60_000
const KILLS = 3
const CONCURRENCY = 4
const PEOPLE = 12

describe('callbacks, from the outside', function () {
  this.timeout(LIMIT_MS)

  it(`lose nothing by ${KILLS} kills with SIGKILL while they are told; what is told twice has the same id`, async () => {
    const receiver = await startReceiver(() => pause(20))
    const site = createSite({
      settings: `import { httpBackend } from 'sms-switchboard/backends'
        export default {
          backends: { gateway: httpBackend({ numbers: false }) },
          apps: [],
          http: { callbacks: { allow: ['127.0.0.1'], ports: 'any', concurrency: ${CONCURRENCY}, firstDelay: 100 } },
        }`,
    })
    const store = new SqliteStore({ file: site.database, role: 'server' })
    await store.open()
    await addCallback(store, { user: null, url: receiver.url })
    await store.close()
    await tellThroughKills({
      ...{ receiver, path: '/backends/gateway/', kills: KILLS, people: PEOPLE, concurrency: CONCURRENCY },
      server: () => site.start(),
    })
    await receiver.close()
    site.remove()
  })

  it('are told once by two processes that share PostgreSQL and Redis', async function () {
    const why = whyNoPostgres() ?? whyNoRedis()
    if (why !== undefined) skip(this, why)
    const redis = await RedisServer.start()
    const database = await postgresDatabase()
    const receiver = await startReceiver()
    const make = () =>
      createSwitchboard(
        {
          ...{ databaseUrl: database.url, redisUrl: redis.url, apps: [] },
          backends: { gateway: nullBackend({ numbers: false }) },
          http: { callbacks: { allow: ['127.0.0.1'], ports: 'any' } },
        },
        { logger: silentLogger },
      )
    const servers = [make(), make()] as const
    try {
      await Promise.all(servers.map((server) => server.start()))
      await servers[0].router.callbacks.create({ name: 'sms_received', url: receiver.url })
      for (let number = 0; number < 120; number += 2) {
        const receive = (server: 0 | 1, text: number) =>
          servers[server].router.receive('gateway', { identity: `2547000${text % PEOPLE}`, text: String(text) })
        await Promise.all([receive(0, number), receive(1, number + 1)])
      }
      await until('all is told', () => receiver.got.length >= 120, WAIT_MS)
      await servers[0].stop()
      await servers[1].router.receive('gateway', { identity: '2547000', text: '1000' })
      await until('the other one goes on', () => receiver.got.length >= 121, WAIT_MS)
      expect(firsts(receiver.got)).to.have.lengthOf(121)
      expect(receiver.got).to.have.lengthOf(121)
      expectOrdered(receiver.got)
    } finally {
      await Promise.all(servers.map((server) => server.stop()))
      await receiver.close()
      await database.remove()
      await redis.remove()
    }
  })
})
