import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { nullBackend } from '../../../src/backends/index.ts'
import { cheapHash } from '../../support/api.ts'
import { serveWeb, type Web } from '../../support/web.ts'

const run = promisify(execFile)

/**
 * The command lines of Vumi's first README ("Scheduling SMS for delivery via the API"), as they are typed there; the
 * server and the ids are other ones.
 */
const lines = {
  one: String.raw`curl -u 'username:password' -X POST \
   http://localhost:8000/api/v1/sms/clickatell/send.json \
   -d 'to_msisdn=27123456789' \
   -d 'from_msisdn=27123456789' \
   -d 'message=hello world'`,
  many: String.raw`curl -u 'username:password' -X POST \
   http://localhost:8000/api/v1/sms/clickatell/send.json \
   -d 'to_msisdn=27123456780' \
   -d 'to_msisdn=27123456781' \
   -d 'to_msisdn=27123456782' \
   -d 'from_msisdn=27123456789' \
   -d 'message=hello world'`,
  personal: String.raw`curl -u 'username:password' -X POST \
 http://localhost:8000/api/v1/sms/clickatell/template_send.json \
 -d 'to_msisdn=27123456789' \
 -d 'to_msisdn=27123456789' \
 -d 'to_msisdn=27123456789' \
 -d 'from_msisdn=27123456789' \
 -d 'template_name=Simon' \
 -d 'template_surname=de Haan' \
 -d 'template_name=Jack' \
 -d 'template_surname=Jill' \
 -d 'template_name=Foo' \
 -d 'template_surname=Bar' \
 -d 'template=Hello {{name}} {{surname}}'`,
  status: String.raw`curl -u 'username:password' -X GET \
 http://localhost:8000/api/v1/sms/clickatell/status/1.json \
`,
  since: String.raw`curl -u 'username:password' -X GET \
 http://localhost:8000/api/v1/sms/clickatell/status.json?since=2009-01-01`,
  byId: String.raw`curl -u 'username:password' -X GET \
 "http://localhost:8000/api/v1/sms/clickatell/status.json?id=3&id=4"`,
}

const DATE = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/

interface Sms {
  readonly id: string
  readonly to_msisdn: string
  readonly message: string
  readonly [name: string]: unknown
}

describe('the command lines of the API that ours is like', () => {
  let web: Web

  before(async () => {
    const username = { password: cheapHash('password'), role: 'sender' as const }
    web = await serveWeb({
      backends: { clickatell: nullBackend({}), opera: nullBackend({}) },
      http: { users: { username } },
    })
    // Paused, so that states stand still.
    const { store, router } = web.switchboard.parts
    await store.pauses.begin({ backend: 'clickatell', cause: 'HAND', reason: '', since: 0, probes: 0, probeAt: null })
    await router.holds.refresh()
  })

  after(() => web.stop())

  /** As a shell runs it. */
  async function typed<Answer = readonly Sms[]>(line: string): Promise<Answer> {
    const { stdout } = await run('sh', [
      '-c',
      `${line.replace('http://localhost:8000', web.url).trimEnd().replace(/\\$/, '')} -s`,
    ])
    return JSON.parse(stdout) as Answer
  }

  it('send one', async () => {
    const [sms, ...others] = await typed(lines.one)
    expect(others).to.deep.equal([])
    const { id, created_at, updated_at, ...rest } = sms as Sms
    expect(id).to.be.a('string')
    expect(created_at).to.match(DATE)
    expect(updated_at).to.match(DATE)
    expect(rest).to.deep.equal({
      from_msisdn: '27123456789',
      to_msisdn: '27123456789',
      message: 'hello world',
      transport_name: 'clickatell',
      transport_status: 0,
      transport_status_display: '',
      state: 'WAITING',
      delivered_at: null,
    })
  })

  it('send one text to many', async () => {
    const sent = await typed(lines.many)
    expect(sent.map(({ to_msisdn, message }) => [to_msisdn, message])).to.deep.equal([
      ['27123456780', 'hello world'],
      ['27123456781', 'hello world'],
      ['27123456782', 'hello world'],
    ])
  })

  it('send personal texts, each to its own', async () => {
    const sent = await typed(lines.personal)
    expect(sent.map(({ message }) => message)).to.deep.equal([
      'Hello Simon de Haan',
      'Hello Jack Jill',
      'Hello Foo Bar',
    ])
    expect(new Set(sent.map(({ id }) => id)).size).to.equal(3)
  })

  it('look at one', async () => {
    const [sms] = await typed(lines.one)
    const status = await typed<Sms>(lines.status.replace('/1.json', `/${sms?.id}.json`))
    expect(status).to.deep.equal(sms)
  })

  it('look at those sent since a date, the newest first', async () => {
    const [sms] = await typed(lines.one)
    const found = await typed(lines.since)
    expect(found[0]).to.deep.equal(sms)
    expect(found.length).to.be.greaterThan(1)
  })

  it('look at some by their ids, the newest first', async () => {
    const [first, second] = await typed(lines.many)
    const found = await typed(lines.byId.replace('id=3', `id=${first?.id}`).replace('id=4', `id=${second?.id}`))
    expect(found).to.deep.equal([second, first])
  })
})
