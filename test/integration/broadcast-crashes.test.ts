import Sqlite from 'better-sqlite3'
import { expect } from 'chai'
import type { BroadcastState } from '../../src/store/broadcast-store.ts'
import { builtCommand } from '../support/built.ts'
import { isLong } from '../support/long-tests.ts'
import { whyNoPostgres } from '../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../support/postgres-store.ts'
import { type Running, startProcess } from '../support/process.ts'
import { whyNoRedis } from '../support/redis.ts'
import { skip } from '../support/skip.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'
import { until } from '../support/until.ts'
import { RedisServer } from './cluster/redis-server.ts'

const LIMIT_MS = 400_000
const STEP_MS = 180_000
/** Whose values weigh more than the heap. */
const LARGE = isLong ? 100_000 : 10_000
const WORKER = new URL('../support/broadcast-worker.mjs', import.meta.url).pathname

interface Standing {
  readonly state: BroadcastState
  readonly recipients: number
  readonly messages: number
}

describe('broadcasts and kill -9', function () {
  this.timeout(LIMIT_MS)
  const running = new Set<Running>()

  const begin = (env: Readonly<Record<string, string>>, args: readonly string[], nodeArgs: readonly string[] = []) => {
    builtCommand()
    const worker = startProcess(process.execPath, [...nodeArgs, WORKER, ...args], {
      env: { PORT: '0', ...env },
    })
    running.add(worker)
    return worker
  }
  const kill = async (worker: Running) => {
    running.delete(worker)
    await worker.stop('SIGKILL')
  }
  afterEach(async () => {
    for (const worker of running) await kill(worker)
  })

  /** Waits until the broadcast stands as asked, and tells when a process ended instead. */
  const reached = (what: string, ask: () => Promise<Standing | undefined>, isSo: (standing: Standing) => boolean) =>
    until(
      what,
      async () => {
        for (const worker of running) {
          const { exitCode, signalCode } = worker.child
          if (exitCode !== null || signalCode !== null) return 'ended' as const
        }
        const standing = await ask()
        return standing !== undefined && isSo(standing) ? standing : undefined
      },
      STEP_MS,
    ).then((found) => {
      if (found !== 'ended') return found
      throw new Error([...running].map((worker) => worker.stdout() + worker.stderr()).join('\n'))
    })

  describe('on SQLite', () => {
    let folder: TempFolder
    let env: Readonly<Record<string, string>>
    beforeEach(() => {
      folder = tempFolder()
      env = { DATABASE_URL: `sqlite:${folder.path}/switchboard.db` }
    })
    afterEach(() => folder.remove())

    const look = <Row>(statement: string): Row | undefined => {
      const database = new Sqlite(`${folder.path}/switchboard.db`, { timeout: 5_000 })
      try {
        return database.prepare<[], Row>(statement).get()
      } finally {
        database.close()
      }
    }
    const standing = async () => look<Standing>('SELECT state, recipients, messages FROM broadcasts')
    const rows = () =>
      look<{ all: number; people: number }>(
        'SELECT count(*) AS "all", count(DISTINCT identity) AS people FROM outgoing WHERE broadcast_id IS NOT NULL',
      )

    it('a taking-in that was killed is FAILED, and nobody gets anything', async () => {
      const taker = begin(env, ['100000000'])
      const before = await reached('some are taken in', standing, ({ recipients }) => recipients >= 1_000)
      expect(before.state).to.equal('TAKING')
      await kill(taker)
      // As if its lease had run out.
      look(`UPDATE broadcasts SET held_until = 0 RETURNING id`)
      begin(env, [])
      const failed = await reached('it has failed', standing, ({ state }) => state !== 'TAKING')
      expect(failed.state).to.equal('FAILED')
      expect(failed.messages).to.equal(0)
      expect(rows()).to.deep.equal({ all: 0, people: 0 })
    })

    it('one that runs goes on where it was killed: each recipient has one message', async () => {
      const count = 2_500
      let worker = begin(env, [String(count)])
      for (const messages of [1, 1_100, 1_900]) {
        await reached(`${messages} messages`, standing, (now) => now.messages >= messages)
        await kill(worker)
        // As if the lease of whoever ran it had run out, which takes ten seconds.
        look('UPDATE leases SET until = 0 RETURNING name')
        worker = begin(env, [])
      }
      const done = await reached('it is done', standing, ({ state }) => state === 'DONE')
      expect(done).to.deep.equal({ state: 'DONE', recipients: count, messages: count })
      expect(rows()).to.deep.equal({ all: count, people: count })
      expect(look<{ open: number }>('SELECT count(*) AS open FROM outgoing WHERE open = 1')?.open).to.equal(0)
    })

    it('takes in and sends more than the heap of its process holds', async () => {
      const count = LARGE
      begin(env, [String(count), '3800', 'Hi'], ['--max-old-space-size=64'])
      const done = await reached('it is done', standing, ({ state }) => state === 'DONE')
      expect(done).to.deep.equal({ state: 'DONE', recipients: count, messages: count })
    })
  })

  describe('on PostgreSQL and Redis', () => {
    let database: PostgresTestDatabase
    let redis: RedisServer

    before(async function () {
      const why = whyNoPostgres() ?? whyNoRedis()
      if (why !== undefined) skip(this, why)
      database = await postgresDatabase()
      redis = await RedisServer.start()
    })
    after(async () => {
      await redis?.remove()
      await database?.remove()
    })

    it('another process goes on where one was killed: each recipient has one message', async () => {
      const env = { DATABASE_URL: database.url, REDIS_URL: redis.url }
      const standing = async () =>
        (await database.run<Standing>('SELECT state, recipients::int, messages::int FROM broadcasts'))[0]
      const count = 2_500
      const first = begin(env, [String(count)])
      const second = begin(env, [])
      await reached('messages', standing, ({ messages }) => messages >= 1)
      await until('the second process', () => second.stdout().includes('started'), STEP_MS)
      await kill(first)
      await database.run('UPDATE leases SET until = 0')
      const third = begin(env, [])
      await until('the third process', () => third.stdout().includes('started'), STEP_MS)
      await reached('more messages', standing, ({ messages }) => messages >= 1_500)
      await kill(second)
      await database.run('UPDATE leases SET until = 0')
      const done = await reached('it is done', standing, ({ state }) => state === 'DONE')
      expect(done).to.deep.equal({ state: 'DONE', recipients: count, messages: count })
      const [rows] = await database.run(
        'SELECT count(*)::int AS "all", count(DISTINCT identity)::int AS people FROM outgoing WHERE broadcast_id IS NOT NULL',
      )
      expect(rows).to.deep.equal({ all: count, people: count })
      expect(await database.run('SELECT id FROM outgoing_open')).to.deep.equal([])
    })
  })
})
