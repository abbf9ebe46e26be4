import { expect } from 'chai'
import { built } from '../support/built.ts'
import { createProject, type Project, post } from '../support/project.ts'

const faulty = `
import { defineSettings } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { httpBackend, httptester } from 'sms-switchboard/backends'

export default defineSettings({
  backends: {
    'bad name': httptester(),
    tester: httptester({ conversationLimit: 0 }),
    provider: httpBackend({ send: { url: 'not a url', extra: { password: 'hunter2-secret' } }, secrte: 1 }),
  },
  apps: [echo(), { name: 'broken', handle: 'yes' }],
  queue: { concurrency: 'many' },
})
`

const PATHS = ['bad name', 'tester.conversationLimit', 'provider.send.url', 'provider.secrte']

const SECRETS = [
  'path-secret-1234',
  'header-secret-1234',
  'basic-secret-1234',
  'param-secret-1234',
  'token-secret-1234',
]

const secretive = `
import { defineSettings } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { httpBackend, httptester } from 'sms-switchboard/backends'

export default defineSettings({
  backends: {
    httptester: httptester(),
    one: httptester({ secret: { in: 'path', value: 'path-secret-1234' } }),
    two: httptester({ secret: { in: 'header', name: 'x-key', value: 'header-secret-1234' } }),
    three: httpBackend({
      secret: { in: 'basic', user: 'ann', password: 'basic-secret-1234' },
      sending: { attempts: 1 },
      send: {
        method: 'GET',
        url: 'http://127.0.0.1:1/send',
        extra: { password: 'param-secret-1234' },
        headers: { authorization: 'Bearer token-secret-1234' },
      },
    }),
  },
  apps: [echo()],
  console: { enabled: false },
})
`

describe('switchboard with settings that cannot be used', function () {
  this.timeout(30_000)
  let project: Project

  before(built)

  afterEach(() => project.remove())

  for (const command of [['start'], ['migrate'], ['routes'], ['send', '--to', '1', '--text', 'x']]) {
    it(`${command[0]} names every fault with its path, and ends with 1`, async () => {
      project = createProject(faulty)
      const { code, stdout, stderr } = await project.run(command)
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
      const [head, ...faults] = stderr.trimEnd().split('\n')
      expect(head).to.equal('switchboard: The settings cannot be used:')
      const paths = faults.map((line) => line.trim().replace(/: .*$/, ''))
      expect(paths).to.have.members([...PATHS.map((path) => `backends.${path}`), 'apps.1.handle', 'queue.concurrency'])
      expect(stderr).to.not.include('hunter2')
    })
  }

  it('names the variable of the environment where the fault is there', async () => {
    project = createProject()
    const { code, stderr } = await project.run(['start'], { env: { PORT: 'eighty', DATABASE_URL: 'mysql:x' } })
    expect(code).to.equal(1)
    expect(stderr)
      .to.match(/^ {2}PORT: /m)
      .and.match(/^ {2}DATABASE_URL: /m)
  })

  it('names the file where there is none, in one line', async () => {
    project = createProject()
    const { code, stderr } = await project.run(['start', '--settings', 'nowhere.ts'])
    expect(code).to.equal(1)
    expect(stderr).to.match(/^switchboard: The settings cannot be used: there is no file \S*nowhere\.ts\n$/)
  })

  it('shows the stack with --verbose, and only then', async () => {
    project = createProject(`throw new Error('not today')`)
    const [brief, long] = await Promise.all([project.run(['routes']), project.run(['routes', '--verbose'])])
    expect([brief.code, long.code]).to.deep.equal([1, 1])
    expect(brief.stderr).to.include('settings.ts').and.include('not today')
    expect(brief.stderr).to.not.match(/^ {4}at /m)
    expect(long.stderr.startsWith(brief.stderr)).to.equal(true)
    expect(long.stderr)
      .to.match(/^SettingsError: /m)
      .and.match(/^caused by Error: not today$/m)
    expect(long.stderr).to.match(/^ {4}at /m)
  })

  it('says what it expects where the file exports something else', async () => {
    project = createProject('export default 42')
    const { code, stderr } = await project.run(['routes'])
    expect(code).to.equal(1)
    expect(stderr).to.include('export default defineSettings({')
  })
})

describe('switchboard with secrets in its settings', function () {
  this.timeout(60_000)
  let project: Project

  before(built)

  afterEach(() => project.remove())

  function expectNoSecret(...printed: readonly string[]): void {
    for (const text of printed) for (const secret of SECRETS) expect(text).to.not.include(secret)
  }

  it('prints none of them, at the most talkative level', async () => {
    project = createProject(secretive)
    const env = { LOG_LEVEL: 'debug' }
    const server = await project.start([], { env })
    expect(await post(server, '1', 'echo x')).to.equal('200 OK')
    const guarded = await fetch(`${server.url}/backends/one/path-secret-1234/`, {
      method: 'POST',
      body: new URLSearchParams({ identity: '2', text: 'echo y' }),
    })
    expect(guarded.status).to.equal(200)
    const refused = await fetch(`${server.url}/backends/two/`, { method: 'POST', headers: { 'x-key': 'wrong' } })
    expect(refused.status).to.be.within(401, 404)
    await project.run(['send', '--to', '1', '--text', 'x', '--backend', 'three'])
    const failed = await project.run(['replay'])
    const { stdout, stderr } = await server.stop()
    expect(stdout).to.include('"msg":"received"')
    expectNoSecret(stdout, stderr, failed.stdout)
  })

  it('hides the secret path in the table of routes', async () => {
    project = createProject(secretive)
    const { code, stdout, stderr } = await project.run(['routes'])
    expect(code).to.equal(0)
    expect(stdout).to.include('/backends/one/<secret>/')
    expectNoSecret(stdout, stderr)
  })

  it('prints none of them when a setting beside them is wrong', async () => {
    project = createProject(secretive.replace('attempts: 1', 'attempts: 0').replace("name: 'x-key'", "nme: 'x-key'"))
    const { code, stdout, stderr } = await project.run(['routes', '--verbose'])
    expect(code).to.equal(1)
    expect(stderr).to.include('backends.three.sending.attempts').and.include('backends.two.secret.nme')
    expectNoSecret(stdout, stderr)
  })

  it('prints none of them when the file does not parse', async () => {
    project = createProject(secretive.replace("'Bearer token-secret-1234'", "'Bearer token-secret-1234"))
    const { code, stdout, stderr } = await project.run(['routes'])
    expect(code).to.equal(1)
    expect(stderr).to.include('settings.ts')
    expectNoSecret(stdout, stderr)
  })
})
