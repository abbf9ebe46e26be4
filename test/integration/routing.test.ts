import { expect } from 'chai'
import {
  type BatchOutcome,
  ConnectionError,
  createSwitchboard,
  defineBackend,
  defineSettings,
  type Switchboard,
} from 'sms-switchboard'
import { httpBackend } from 'sms-switchboard/backends'
import { z } from 'zod'
import { silentLogger } from '../../src/messages/logger.ts'
import { builtCommand } from '../support/built.ts'
import { type FarSide, farSide } from '../support/far-side.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import type { RunningServer } from '../support/process.ts'
import { createSite, type Site } from '../support/server-process.ts'
import { skip } from '../support/skip.ts'
import { until } from '../support/until.ts'
import { whyNoCluster } from './cluster/cluster.ts'
import { RedisServer } from './cluster/redis-server.ts'
import { readRecords } from './records.ts'

const LIMIT_MS = 90_000
const WAIT_MS = 30_000
const PEOPLE = 60

const people = (from: number) =>
  Array.from({ length: PEOPLE }, (_, index) => `+2547123${from}${String(index).padStart(4, '0')}`)
const identitiesAt = ({ requests }: FarSide) =>
  requests.flatMap(({ body }) => new URLSearchParams(body).getAll('identity'))

describe('two services, one of which dies', function () {
  this.timeout(LIMIT_MS)
  let one: FarSide
  let two: FarSide

  beforeEach(async () => {
    one = await farSide()
    two = await farSide()
  })

  afterEach(async () => {
    await two.stop()
    await one.stop().catch(() => undefined)
  })

  describe('behind a server', () => {
    let site: Site
    let server: RunningServer

    before(() => void builtCommand())

    afterEach(async () => {
      await server?.stop('SIGKILL')
      site?.remove()
    })

    it('share the load, and the other one gets everything, each message once', async () => {
      site = createSite({
        settings: `
          import { defineSettings } from 'sms-switchboard'
          import { httpBackend } from 'sms-switchboard/backends'

          const sending = { firstDelay: 20, longestDelay: 100 }
          export default defineSettings({
            backends: {
              one: httpBackend({ send: { url: '${one.url}' }, sending }),
              two: httpBackend({ send: { url: '${two.url}' }, sending }),
            },
            apps: [],
            routing: { rules: [{ name: 'both', share: { one: 1, two: 1 } }], attempts: 2 },
            console: { enabled: false },
          })`,
      })
      server = await site.start()
      const send = async (identities: readonly string[]) => {
        const { code, stderr } = await site.run('send', '--to', ...identities, '--text', 'hi')
        expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
      }
      const outgoing = () => readRecords(site.database).outgoing
      const settled = (count: number) =>
        until('all are settled', () => outgoing().filter(({ state }) => state === 'SENT').length === count, WAIT_MS)

      await send(people(1))
      await settled(PEOPLE)
      const [atOne, atTwo] = [identitiesAt(one), identitiesAt(two)]
      expect([...atOne, ...atTwo]).to.have.members(people(1))
      expect(atOne.length).to.be.within(PEOPLE / 4, (3 * PEOPLE) / 4)

      await one.stop()
      two.reset()
      await send(people(1))
      await settled(2 * PEOPLE)
      expect(identitiesAt(two).sort()).to.deep.equal(people(1).sort())
      const { stdout } = await site.run('route', '--to', atOne[0] ?? '')
      expect(stdout).to.match(/^\+2547123\d+ goes over one: rule "both"/)
    })
  })

  describe('behind a web process and a worker', () => {
    let postgres: PostgresServer
    let redis: RedisServer
    const running: Switchboard[] = []

    before(async function () {
      const why = whyNoCluster()
      if (why !== undefined) skip(this, why)
      ;[postgres, redis] = await Promise.all([startPostgres(), RedisServer.start()])
    })

    afterEach(async () => {
      await Promise.all(running.splice(0).map((switchboard) => switchboard.stop()))
    })

    after(async () => {
      await redis?.remove()
      await postgres?.remove()
    })

    const start = async (role: 'web' | 'worker', input: Parameters<typeof createSwitchboard>[0]) => {
      const switchboard = createSwitchboard(input, { role, logger: silentLogger })
      await switchboard.start()
      running.push(switchboard)
      return switchboard
    }

    const bulk = (far: FarSide) =>
      defineBackend({
        kind: 'bulk',
        settings: z.strictObject({}),
        batchLimit: 20,
        async sendBatch(messages, { http }): Promise<readonly BatchOutcome[]> {
          const form = new URLSearchParams(messages.map(({ identity }) => ['identity', identity] as [string, string]))
          const { status } = await http.request({ method: 'POST', url: far.url, body: form.toString() })
          if (status !== 200) throw new ConnectionError(`the far side answered ${status}`)
          return messages.map(({ id }) => ({ result: { externalIds: [id] } }))
        },
      })()

    for (const kind of ['one by one', 'in batches'] as const) {
      it(`take over from each other, ${kind}, as the route that the web process chose says`, async () => {
        const made = (far: FarSide) =>
          kind === 'in batches' ? bulk(far) : httpBackend({ send: { url: far.url }, sending: { firstDelay: 20 } })
        const input = defineSettings({
          backends: { one: made(one), two: made(two) },
          apps: [],
          databaseUrl: await postgres.create(),
          redisUrl: redis.url,
          redisPrefix: `${kind.replaceAll(' ', '-')}:`,
          routing: { choose: () => ({ backend: 'one', failover: ['two'] }), attempts: 1 },
        })
        const web = await start('web', input)
        await one.stop()
        const sent = await web.router.send({ to: people(2), text: 'hi' })
        expect(sent.map(({ backend }) => backend)).to.deep.equal(sent.map(() => 'one'))
        await start('worker', input)
        const { log } = web.parts.store
        const states = async () =>
          (await Promise.all(sent.map(({ id }) => log.find(id)))).map(
            (message) => `${message?.backend} ${message?.state}`,
          )
        await until('all have left', async () => (await states()).every((state) => state === 'two SENT'), WAIT_MS)
        expect(identitiesAt(two).sort()).to.deep.equal(people(2).sort())
        const [attempt] = await log.attempts(sent[0]?.id ?? '')
        expect(attempt).to.include({ backend: 'one', outcome: 'MOVED' })
      })
    }
  })
})
