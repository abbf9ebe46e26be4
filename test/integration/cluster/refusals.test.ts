import { expect } from 'chai'
import { skip } from '../../support/skip.ts'
import { Cluster, type Role, whyNoCluster } from './cluster.ts'

const LIMIT_MS = 60_000

describe('the roles of a process', function () {
  this.timeout(LIMIT_MS)
  let cluster: Cluster

  before(async function () {
    const why = whyNoCluster()
    if (why !== undefined) skip(this, why)
    cluster = await Cluster.create()
  })

  after(() => cluster?.remove())

  const SQLITE = 'sqlite:switchboard.db'
  const WRONG = 'postgres://switchboard:tell-nobody@127.0.0.1:1/none'
  const refused: readonly {
    readonly title: string
    readonly role: Role
    readonly env: Readonly<Record<string, string | undefined>>
    readonly says: RegExp
  }[] = [
    { title: 'a web without Redis', role: 'web', env: { REDIS_URL: undefined }, says: /set REDIS_URL=redis:/ },
    { title: 'a worker on SQLite', role: 'worker', env: { DATABASE_URL: SQLITE }, says: /set DATABASE_URL=postgres:/ },
    { title: 'all on SQLite with Redis', role: 'all', env: { DATABASE_URL: SQLITE }, says: /or leave REDIS_URL out/ },
    {
      title: 'PostgreSQL that is not there',
      role: 'web',
      env: { DATABASE_URL: WRONG },
      says: /127\.0\.0\.1:1.*refused/i,
    },
  ]
  for (const { title, role, env, says } of refused) {
    it(`is refused with what to set: ${title}`, async () => {
      const { code, stderr, stdout } = await cluster.run(['start', '--role', role], env)
      expect(code, stdout + stderr).to.equal(1)
      expect(stderr).to.match(says)
      expect(stdout + stderr).to.not.include('tell-nobody')
      expect(stderr).to.not.match(/^\s+at /m)
    })
  }

  it('is refused with a password that PostgreSQL does not take', async () => {
    await cluster.postgres.run(cluster.databaseUrl, `CREATE ROLE closed LOGIN PASSWORD 'other' CONNECTION LIMIT 0`)
    const url = new URL(cluster.databaseUrl)
    url.username = 'nobody-known'
    url.password = 'tell-nobody'
    const { code, stderr, stdout } = await cluster.run(['start', '--role', 'web'], { DATABASE_URL: url.href })
    expect(code).to.equal(1)
    expect(stderr).to.match(/role "nobody-known" does not exist/)
    expect(stdout + stderr).to.not.include('tell-nobody')
  })

  it('all without Redis works a database alone: nobody else is let in, and the message says how', async () => {
    const first = await cluster.start('all', { REDIS_URL: undefined })
    const second = await cluster.run(['start'], { REDIS_URL: undefined })
    expect(second.code).to.equal(1)
    expect(second.stderr).to.match(/Another Switchboard serves the database .*share the work through Redis/)
    const sharing = await cluster.run(['start', '--role', 'worker'])
    expect(sharing.code).to.equal(1)
    expect(sharing.stderr).to.match(/Another Switchboard serves the database/)
    await first.stop()
  })

  it('a web starts no app and no backend, and serves the views', async () => {
    const notes = cluster.notes().length
    const web = await cluster.start('web')
    const values = { identity: '254700000', text: 'to a web' }
    expect((await cluster.client.post(`${web.url}/backends/far/`, values)).status).to.equal(200)
    expect((await cluster.client.get(`${web.url}/readyz`)).status).to.equal(200)
    await web.stop()
    expect(cluster.notes().slice(notes)).to.deep.equal([])
  })

  it('a worker starts apps and backends, works, and serves nothing but its health', async () => {
    const notes = cluster.notes().length
    const worker = await cluster.start('worker', { CONSOLE: 'yes' })
    await cluster.untilQuiet(40_000)
    for (const path of ['/healthz', '/readyz']) {
      expect((await cluster.client.get(`${worker.url}${path}`)).status, path).to.equal(200)
    }
    for (const path of ['/backends/far/', '/backends/asks/', '/console/', '/']) {
      expect((await cluster.client.get(`${worker.url}${path}`)).status, path).to.equal(404)
    }
    expect((await cluster.client.post(`${worker.url}/backends/far/`, { identity: '1', text: 'x' })).status).to.equal(
      404,
    )
    await worker.stop()
    const started = cluster.notes().slice(notes)
    expect(started).to.have.members([
      'worker started the app',
      'worker started the backend',
      'worker stopped the app',
      'worker stopped the backend',
    ])
  })

  it('starts while Redis is away, takes messages, and works them when it comes', async () => {
    await cluster.redis.stop()
    const [web] = await Promise.all([cluster.start('web'), cluster.start('worker')])
    const values = { identity: '254700001', text: 'early' }
    expect((await cluster.client.post(`${web.url}/backends/far/`, values)).status).to.equal(200)
    await cluster.redis.start()
    await cluster.untilQuiet(40_000)
    expect(cluster.recorder.textsTo('254700001')).to.deep.equal(['re early'])
  })
})
