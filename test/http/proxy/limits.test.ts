import { expect } from 'chai'
import { RedisServer } from '../../integration/cluster/redis-server.ts'
import { ask, from, network, serveProxy } from '../../support/proxy.ts'
import { whyNoRedis } from '../../support/redis.ts'
import { skip } from '../../support/skip.ts'
import { until } from '../../support/until.ts'
import type { Web } from '../../support/web.ts'

const wordOf = (body: unknown) => Object.values(body as Record<string, string>)[1]
const SENT = 'Message sent'
const LIMITED = 'limit_acceded'

/** The second values of as many answers as there are requests. */
async function words(url: string, requests: readonly (readonly [receiver: string, init?: RequestInit])[]) {
  const answers = requests.map(([receiver, init]) => ask(`${url}/message/?receiver=${receiver}`, init))
  return (await Promise.all(answers)).map(({ body }) => wordOf(body))
}

function count(words: readonly (string | undefined)[], word: string): number {
  return words.filter((each) => each === word).length
}

/** German mobile numbers, each another. */
const numbers = (amount: number) => Array.from({ length: amount }, (_, index) => `0176${12_345_678 + index}`)

describe('the limits of the public proxy', () => {
  it('hold back a client, whatever it claims to be', async () => {
    const web = await serveProxy({ limits: { perClient: { amount: 3 } } }, { http: {} })
    const forged = numbers(30).map(
      (number, index) =>
        [
          number,
          from(`10.0.0.${index}`, { 'X-Real-Ip': `10.1.0.${index}`, Forwarded: `for=10.2.0.${index}` }),
        ] as const,
    )
    const found = await words(web.url, forged)
    const log = web.log()
    await web.stop()
    expect([count(found, SENT), count(found, LIMITED)]).to.deep.equal([3, 27])
    expect(log.match(/http\.trustedProxies/g)).to.have.length(1)
  })

  it('believe a proxy of ours of the last client alone', async () => {
    const web = await serveProxy({ limits: { perClient: { amount: 1 } } })
    const found = await words(web.url, [
      ['017612345678', from('198.51.100.1')],
      ['017612345679', from('198.51.100.2, 198.51.100.1')],
      ['017612345680', from('198.51.100.2')],
    ])
    await web.stop()
    expect([count(found, SENT), count(found, LIMITED)]).to.deep.equal([2, 1])
  })

  it('count IPv6 by /64', async () => {
    const web = await serveProxy({ limits: { perClient: { amount: 2 } } })
    const same = numbers(10).map((number, index) => [number, from(`2001:db8::${index}:1`)] as const)
    const others = await words(web.url, [...same, ['017699999999', from('2001:db8:0:1::1')]])
    await web.stop()
    expect([count(others, SENT), count(others, LIMITED)]).to.deep.equal([3, 8])
  })

  it('spare a stranger whom many write to, by all handlers together', async () => {
    const { sent, backend } = network()
    const handlers = { message: { text: 'one' }, other: { text: 'two' } }
    const web = await serveProxy({ handlers, limits: { perNumber: { amount: 2 } } }, { backend })
    const spellings = ['017612345678', '%2B4917612345678', '00491761234-5678', '4917612345678']
    const asked = spellings.flatMap((number, index) =>
      ['message', 'other'].map((handler) => ask(`${web.url}/${handler}/?receiver=${number}`, from(`192.0.2.${index}`))),
    )
    const found = (await Promise.all(asked)).map(({ body }) => wordOf(body))
    await web.stop()
    expect([count(found, SENT), count(found, LIMITED)]).to.deep.equal([2, 6])
    expect(sent).to.have.length(2)
  })

  it('cap what leaves at all; what is refused for one limit is not counted by another', async () => {
    const web = await serveProxy({ limits: { total: { amount: 3 }, perNumber: { amount: 1 } } })
    const flood = Array.from({ length: 20 }, (_, index) => ['017612345678', from(`192.0.2.${index}`)] as const)
    expect(count(await words(web.url, flood), SENT)).to.equal(1)
    const rest = numbers(9).map((number, index) => [number, from(`198.51.100.${index}`)] as const)
    expect(count(await words(web.url, rest), SENT)).to.equal(2)
    await web.stop()
  })

  describe('in a Redis that two of it share', function () {
    this.timeout(20_000)
    let redis: RedisServer
    const webs: Web[] = []

    before(async function () {
      const why = whyNoRedis()
      if (why !== undefined) skip(this, why)
      redis = await RedisServer.start()
    })
    afterEach(async () => {
      await Promise.all(webs.splice(0).map((web) => web.stop()))
      await redis.flush()
    })
    after(() => redis?.remove())

    async function serve(limits: object): Promise<Web> {
      const web = await serveProxy({ limits: { ...limits, redisUrl: redis.url } })
      webs.push(web)
      return web
    }

    it('hold under requests that come to both at once', async () => {
      const limits = { perClient: { amount: 7 }, perNumber: { amount: 2 } }
      const [one, two] = [await serve(limits), await serve(limits)]
      const flood = numbers(30).map((number) => [number, from('192.0.2.1')] as const)
      const found = (await Promise.all([words(one.url, flood), words(two.url, flood)])).flat()
      expect([count(found, SENT), count(found, LIMITED)]).to.deep.equal([7, 53])
      const all = Array.from({ length: 40 }, (_, index) => ['017655555555', from(`198.51.100.${index}`)] as const)
      const toOne = (await Promise.all([words(one.url, all.slice(0, 20)), words(two.url, all.slice(20))])).flat()
      expect([count(toOne, SENT), count(toOne, LIMITED)]).to.deep.equal([2, 38])
    })

    it('refuse everybody while it is away, and go on by themselves', async () => {
      const web = await serve({})
      expect(await words(web.url, [['017612345678']])).to.deep.equal([SENT])
      await redis.stop()
      const away = await ask(`${web.url}/message/?receiver=017612345678`)
      expect([away.status, away.body]).to.deep.equal([503, { status: 'error', error: 'unavailable' }])
      await redis.start()
      await until('it serves again', async () => (await words(web.url, [['017612345679']]))[0] === SENT)
    })
  })
})
