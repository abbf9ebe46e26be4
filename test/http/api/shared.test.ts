import { expect } from 'chai'
import { RedisServer } from '../../integration/cluster/redis-server.ts'
import { type Answered, type Asking, askApi, serveApi } from '../../support/api.ts'
import { whyNoPostgres } from '../../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../../support/postgres-store.ts'
import { whyNoRedis } from '../../support/redis.ts'
import { skip } from '../../support/skip.ts'
import type { Web } from '../../support/web.ts'

const SEND = '/api/v1/sms/clickatell/send.json'
const good = { to_msisdn: '27123456789', message: 'hi' }

const count = (answers: readonly Answered[], status: number) => answers.filter((each) => each.status === status).length

describe('the API of two servers on one PostgreSQL and one Redis', function () {
  this.timeout(60_000)
  let redis: RedisServer
  let database: PostgresTestDatabase
  const webs: Web[] = []

  before(async function () {
    const why = whyNoPostgres() ?? whyNoRedis()
    if (why !== undefined) skip(this, why)
    redis = await RedisServer.start()
  })

  beforeEach(async () => {
    database = await postgresDatabase()
  })

  afterEach(async () => {
    await Promise.all(webs.splice(0).map((web) => web.stop()))
    await database.remove()
    await redis.flush()
  })

  after(() => redis?.remove())

  async function serve(limits: object): Promise<Web> {
    const web = await serveApi({ databaseUrl: database.url, redisUrl: redis.url, api: { limits } })
    webs.push(web)
    return web
  }

  const flood = (each: readonly Web[], amount: number, asking: (index: number) => Asking, path = SEND) =>
    Promise.all(
      Array.from({ length: amount }, (_, index) =>
        askApi(each[index % each.length] ?? { url: '' }, path, asking(index)),
      ),
    )

  it('counts the requests of a user in both, to each backend by itself', async () => {
    const both = [await serve({ send: { amount: 7, per: 60_000 } }), await serve({ send: { amount: 7, per: 60_000 } })]
    const answers = await flood(both, 30, () => ({ json: good }))
    expect([count(answers, 200), count(answers, 429)]).to.deep.equal([7, 23])
    const refused = answers.find(({ status }) => status === 429)
    expect(Number(refused?.headers.get('retry-after'))).to.be.within(1, 60)
    expect(refused?.headers.get('ratelimit')).to.match(/^"send";r=0;t=\d+$/)
    expect(refused?.headers.get('ratelimit-policy')).to.equal('"send";q=7;w=60')
    expect(refused?.body.error.code).to.equal('TOO_MANY_REQUESTS')
    const left = answers.filter(({ status }) => status === 200).map(({ headers }) => headers.get('ratelimit') ?? '')
    expect(left.map((each) => /^"send";r=(\d);t=(?:60|[1-5]?\d)$/.exec(each)?.[1]).sort()).to.deep.equal([...'0123456'])
    const others = [
      ...(await flood(both, 1, () => ({ json: good, as: 'sam' }))),
      ...(await flood(both, 1, () => ({ json: good }), '/api/v1/sms/opera/send.json')),
    ]
    expect(others.map(({ status }) => status)).to.deep.equal([200, 200])
  })

  it('counts failed tries in both', async () => {
    const both = [await serve({ failures: { amount: 5 } }), await serve({ failures: { amount: 5 } })]
    const answers: Answered[] = []
    for (let index = 0; index < 12; index++) {
      answers.push(...(await flood([both[index % 2] as Web], 1, () => ({ as: `nobody${index}`, json: good }))))
    }
    expect([count(answers, 401), count(answers, 429)]).to.deep.equal([5, 7])
  })

  it('knows a request by its key in both', async () => {
    const both = [await serve({}), await serve({})]
    const answers = await flood(both, 20, () => ({ json: good, headers: { 'Idempotency-Key': 'one' } }))
    expect(new Set(answers.map(({ body }) => body[0].id)).size).to.equal(1)
    const { body } = await askApi(both[0] as Web, '/api/v1/messages.json')
    expect(body.messages).to.have.length(1)
  })

  it('takes messages while Redis is away, and counts by itself then', async () => {
    const web = await serve({ send: { amount: 2, per: 60_000 } })
    await redis.stop()
    const answers: Answered[] = []
    for (let index = 0; index < 3; index++) answers.push(await askApi(web, SEND, { json: good }))
    await redis.start()
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 429])
  })

  it('sends and shows as on SQLite', async () => {
    const web = await serve({})
    const pairs = { to_msisdn: ['1', '2'], template: 'Hello {{n}}', template_n: ['a', 'b'] }
    const sent = await askApi(web, SEND.replace('send', 'template_send'), { json: pairs })
    expect(sent.body.map(({ message }: { message: string }) => message)).to.deep.equal(['Hello a', 'Hello b'])
    const ids = sent.body.map(({ id }: { id: string }) => `id=${id}`).join('&')
    const found = await askApi(web, `/api/v1/sms/clickatell/status.json?${ids}`)
    const since = await askApi(web, '/api/v1/sms/clickatell/status.json?since=2009-01-01')
    expect(found.body.map(({ message }: { message: string }) => message)).to.deep.equal(['Hello b', 'Hello a'])
    expect(since.body.map(({ id }: { id: string }) => id)).to.deep.equal(found.body.map(({ id }: { id: string }) => id))
    for (const query of ['?text=%25', '?identity=%F0%9F%98%80', '?tag=%27', '?since=9999-12-31', '?until=0001-01-01']) {
      expect((await askApi(web, `/api/v1/messages.json${query}`)).body.messages, query).to.deep.equal([])
    }
    const message = 'a \0 b \ud800'.toWellFormed()
    expect((await askApi(web, SEND, { json: { ...good, message } })).status).to.equal(400)
  })
})
