import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { nullBackend } from '../../src/backends/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { createSwitchboard } from '../../src/settings/switchboard.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { callbackRow } from '../store/conformance/callbacks.ts'
import { whyNoPostgres } from '../support/postgres.ts'
import { postgresDatabase } from '../support/postgres-store.ts'
import { whyNoRedis } from '../support/redis.ts'
import { createSite } from '../support/server-process.ts'
import { skip } from '../support/skip.ts'
import { until } from '../support/until.ts'
import { RedisServer } from './cluster/redis-server.ts'

const LIMIT_MS = 240_000
const WAIT_MS = 60_000
const KILLS = 3
const CONCURRENCY = 4
const PEOPLE = 12

interface Told {
  readonly id: string
  readonly message: { readonly id: string; readonly identity: string; readonly text: string }
}

/** A receiver that answers a moment later; `got` is what it has answered, or was about to. */
async function startReceiver(answerAfter: () => Promise<void> = async () => {}) {
  const got: Told[] = []
  const take = async (request: IncomingMessage) => {
    const told = JSON.parse(await text(request)) as Told
    got.push(told)
    await answerAfter()
  }
  const server = createServer((request, response) => {
    take(request).then(
      () => response.end(),
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, got, close }
}

/** Each event once, where it came first. */
function firsts(got: readonly Told[]): readonly Told[] {
  const seen = new Set<string>()
  return got.filter(({ id }) => !seen.has(id) && seen.add(id))
}

function expectOrdered(got: readonly Told[]): void {
  const last = new Map<string, number>()
  for (const { message } of got) {
    const number = Number(message.text)
    expect(number, message.identity).to.be.greaterThan(last.get(message.identity) ?? -1)
    last.set(message.identity, number)
  }
}

describe('callbacks, from the outside', function () {
  this.timeout(LIMIT_MS)

  it(`lose nothing by ${KILLS} kills with SIGKILL while they are told; what is told twice has the same id`, async () => {
    const receiver = await startReceiver(() => new Promise((resolve) => setTimeout(resolve, 20)))
    const site = createSite({
      settings: `import { httpBackend } from 'sms-switchboard/backends'
        export default {
          backends: { gateway: httpBackend({ params: { identity: 'from', text: 'text' }, numbers: false }) },
          apps: [],
          http: { callbacks: { allow: ['127.0.0.1'], ports: 'any', concurrency: ${CONCURRENCY}, firstDelay: 100 } },
        }`,
    })
    const store = new SqliteStore({ file: site.database, role: 'server' })
    await store.open()
    await store.callbacks.add(callbackRow({ user: null, url: receiver.url }))
    await store.close()
    const acknowledged: string[] = []
    let number = 0
    for (let round = 0; round <= KILLS; round++) {
      const server = await site.start()
      const before = receiver.got.length
      for (let each = 0; each < 40; each++) {
        const values = new URLSearchParams({ from: `2547000${number % PEOPLE}`, text: String(number) })
        const answer = await fetch(`${server.url}/backends/gateway/?${values}`)
        expect(answer.status).to.equal(200)
        acknowledged.push(String(number++))
      }
      await until('something is told', () => receiver.got.length > before, WAIT_MS)
      if (round < KILLS) await server.stop('SIGKILL')
      else {
        const all = () => new Set(receiver.got.map(({ message }) => message.text)).size === acknowledged.length
        await until('all is told', all, WAIT_MS)
        await server.stop()
      }
    }
    await receiver.close()
    site.remove()
    const once = firsts(receiver.got)
    expect(once.map(({ message }) => message.text)).to.have.members(acknowledged)
    expectOrdered(once)
    const repeats = receiver.got.length - once.length
    console.log(`      ${acknowledged.length} told, ${repeats} of them twice`)
    expect(repeats).to.be.at.most(KILLS * CONCURRENCY)
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
