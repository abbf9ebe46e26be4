import { expect } from 'chai'
import { type Answered, askApi, users } from '../support/api.ts'
import { whyNoPostgres } from '../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../support/postgres-store.ts'
import type { RunningServer } from '../support/process.ts'
import { whyNoRedis } from '../support/redis.ts'
import { createSite, type Site } from '../support/server-process.ts'
import { skip } from '../support/skip.ts'
import { RedisServer } from './cluster/redis-server.ts'

const SEND = '/api/v1/sms/clickatell/send.json'
const LIMIT = 50

const settings = `
import { defineSettings } from 'sms-switchboard'
import { nullBackend } from 'sms-switchboard/backends'

export default defineSettings({
  backends: { clickatell: nullBackend({}), opera: nullBackend({}) },
  apps: [],
  http: { users: ${JSON.stringify(users)}, api: { limits: { send: { amount: ${LIMIT} }, failures: { amount: 5 } } } },
})
`

describe('the API, served by two processes', function () {
  this.timeout(120_000)
  let redis: RedisServer
  let database: PostgresTestDatabase
  let site: Site
  const servers: RunningServer[] = []

  before(async function () {
    const why = whyNoPostgres() ?? whyNoRedis()
    if (why !== undefined) skip(this, why)
    redis = await RedisServer.start()
    database = await postgresDatabase()
    site = createSite({ settings })
    const env = { DATABASE_URL: database.url, REDIS_URL: redis.url }
    servers.push(...(await Promise.all([site.start(env), site.start(env)])))
  })

  after(async () => {
    await Promise.all(servers.map((server) => server.stop()))
    site?.remove()
    await database?.remove()
    await redis?.remove()
  })

  const server = (index: number) => servers[index % servers.length] ?? { url: '' }

  /** Every message there is, page by page, each time of the other process. */
  async function readAll(): Promise<readonly string[]> {
    const ids: string[] = []
    for (let after = 0, more = true, index = 0; more; index++) {
      const { body } = await askApi(server(index), `/api/v1/messages.json?limit=20&after=${after}`)
      ids.push(...body.messages.map(({ id }: { id: string }) => id))
      ;({ next: after, more } = body)
    }
    return ids
  }

  it('takes no more than the limit, however they are asked at once, and shows each message once', async () => {
    const asked = Array.from({ length: 3 * LIMIT }, (_, index) =>
      askApi(server(index), SEND, { json: { to_msisdn: `27123${100_000 + index}`, message: `m${index}` } }),
    )
    const answers = await Promise.all(asked)
    const taken = answers.filter(({ status }) => status === 200)
    expect(taken).to.have.length(LIMIT)
    expect(answers.filter(({ status }) => status === 429)).to.have.length(2 * LIMIT)
    const read = await readAll()
    expect([...read].sort()).to.deep.equal(taken.map(({ body }) => body[0].id).sort())
  })

  it('ends the tries of who fails, in both', async () => {
    const answers: Answered[] = []
    for (let index = 0; index < 10; index++) {
      answers.push(await askApi(server(index), SEND, { as: `nobody${index}`, json: {} }))
    }
    expect(answers.map(({ status }) => status)).to.deep.equal([...Array(5).fill(401), ...Array(5).fill(429)])
  })
})
