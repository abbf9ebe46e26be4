import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { expect } from 'chai'
import { startCommand } from '../support/process.ts'
import { answered, conversation, createProject, type Project, plainSettings, post } from '../support/project.ts'
import { until } from '../support/until.ts'

/** An app that says that it has a message in hand, and answers it only when the file `go` appears. */
const slowSettings = `
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { defineSettings } from 'sms-switchboard'
import { httptester } from 'sms-switchboard/backends'

export default defineSettings({
  backends: { httptester: httptester() },
  apps: [{
    name: 'slow',
    async handle(message) {
      appendFileSync('in-hand', message.text + '\\n')
      while (!existsSync('go')) await pause(10)
      return message.respond('done: ' + message.text)
    },
  }],
  console: { enabled: false },
})
`

describe('switchboard start', function () {
  this.timeout(30_000)
  let project: Project

  afterEach(() => project.remove())

  it('prints one line with its address, and serves there', async () => {
    project = createProject()
    const server = await project.start([], { env: { LOG_LEVEL: 'silent' } })
    expect(await post(server, '1112223333', 'echo hello')).to.equal('200 OK')
    await answered(server, '1112223333', 'hello')
    const { code, stdout, stderr } = await server.stop()
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(stdout).to.match(/^Switchboard serves on http:\/\/127\.0\.0\.1:\d+\/\n$/)
  })

  it('takes PORT, HOST, DATABASE_URL and LOG_LEVEL from the environment, over the settings', async () => {
    const general = `http: { port: 1, host: '203.0.113.1' }, databaseUrl: 'sqlite:no/such.db', log: { level: 'error' },`
    project = createProject(plainSettings.replace('console:', `${general}\n  console:`))
    const env = { PORT: '0', HOST: '127.0.0.1', DATABASE_URL: 'sqlite:elsewhere/kept.db', LOG_LEVEL: 'info' }
    const server = await project.start([], { env })
    expect(new URL(server.url).hostname).to.equal('127.0.0.1')
    expect(await post(server, '1', 'echo x')).to.equal('200 OK')
    const { stdout } = await server.stop()
    expect(stdout).to.include('"msg":"received"')
    expect(existsSync(project.file('elsewhere/kept.db'))).to.equal(true)
    expect(existsSync(project.file('no'))).to.equal(false)
  })

  it('takes --port and --host over the environment', async () => {
    project = createProject()
    const server = await project.start(['--port', '0', '--host', '127.0.0.1'], {
      env: { PORT: '1', HOST: '203.0.113.1' },
    })
    expect(await post(server, '1', 'echo x')).to.equal('200 OK')
  })

  it('takes settings from another folder by --settings, and the .env beside them', async () => {
    project = createProject()
    project.write('.env', 'DATABASE_URL=sqlite:from-env.db\n')
    const elsewhere = createProject('export default {}')
    try {
      const server = await elsewhere.start(['--settings', project.file('settings.ts')])
      expect(await post(server, '1', 'echo x')).to.equal('200 OK')
      await server.stop()
      expect(existsSync(elsewhere.file('from-env.db'))).to.equal(true)
    } finally {
      await elsewhere.remove()
    }
  })

  it('ends with 1 and a line that says so when its port is taken', async () => {
    project = createProject()
    const other = createServer().listen(0, '127.0.0.1')
    try {
      const port = await until('a port', () => {
        const address = other.address()
        return typeof address === 'object' && address !== null && address.port
      })
      const { code, stdout, stderr } = await project.startInVain(['--port', String(port)])
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
      expect(stderr).to.equal(
        `switchboard: Port ${port} of 127.0.0.1 cannot be served: another program serves there already; ` +
          'stop it, or take another port by --port or PORT.\n',
      )
    } finally {
      other.close()
    }
  })

  it('refuses to start a second time on the same database', async () => {
    project = createProject()
    const server = await project.start()
    const { code, stderr } = await project.startInVain()
    expect(code).to.equal(1)
    expect(stderr).to.match(/^switchboard: Another Switchboard serves \S*switchboard\.db already\. Stop it, .*\n$/)
    expect(await post(server, '1', 'echo still here')).to.equal('200 OK')
    await server.stop()
    const next = await project.start()
    await answered(next, '1', 'still here')
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`finishes what is in hand on ${signal}, and ends with 0`, async () => {
      project = createProject(slowSettings)
      const server = await project.start([], { env: { LOG_LEVEL: 'info' } })
      expect(await post(server, '1', 'first')).to.equal('200 OK')
      await until('the app has the message', () => existsSync(project.file('in-hand')))
      server.child.kill(signal)
      await until('it refuses connections', () =>
        post(server, '2', 'late').then(
          () => false,
          () => true,
        ),
      )
      project.write('go', '')
      const { code, stdout } = await server.exited
      expect(code).to.equal(0)
      expect(stdout).to.include('"msg":"stopping"').and.include('"msg":"stopped"')

      const next = await project.start()
      const lines = await conversation(next, '1')
      expect(lines.map(({ text }) => text)).to.deep.equal(['first', 'done: first'])
      // A later message may have come in before the signal was seen; this one was worked once.
      const worked = readFileSync(project.file('in-hand'), 'utf8').split('\n')
      expect(worked.filter((text) => text === 'first')).to.have.length(1)
    })
  }

  it('outlives a rejection that nobody waits for, and says where it came from', async () => {
    project = createProject(
      plainSettings.replace(
        'apps: [',
        `apps: [{ name: 'careless', parse() { void Promise.reject(new Error('let go')) } }, `,
      ),
    )
    const server = await project.start()
    expect(await post(server, '1', 'echo still here')).to.equal('200 OK')
    await answered(server, '1', 'still here')
    const { code, stdout } = await server.stop()
    expect(code).to.equal(0)
    expect(stdout).to.include('"message":"let go"').and.include('settings.ts')
  })

  it('makes apps that are given as classes once', async () => {
    const counted = `class Counted { name = 'counted'; constructor() { console.log('made') } }\nexport default`
    project = createProject(plainSettings.replace('export default', counted).replace('apps: [', 'apps: [Counted, '))
    const server = await project.start()
    const { stdout } = await server.stop()
    expect(stdout.match(/made/g)).to.have.length(1)
  })

  it('can be stopped while a part of it hangs in its start', async () => {
    const hanging = `apps: [{ name: 'hanging', start() { console.log('begun'); return new Promise((resolve) => setTimeout(resolve, 60_000)) } }, `
    project = createProject(
      plainSettings.replace('apps: [', hanging).replace('console:', 'queue: { drain: 100 },\n  console:'),
    )
    const running = startCommand(['start'], { cwd: project.folder, env: { PORT: '0' } })
    await until('it has begun', () => running.stdout().includes('begun'), 20_000)
    expect(await running.stop('SIGTERM')).to.deep.include({ code: 0, signal: null })
  })

  it('ends at once when Ctrl-C is pressed again', async () => {
    project = createProject(slowSettings)
    const server = await project.start()
    expect(await post(server, '1', 'first')).to.equal('200 OK')
    await until('the app has the message', () => existsSync(project.file('in-hand')))
    let ended = false
    void server.exited.then(() => {
      ended = true
    })
    const pressed = performance.now()
    // The signals of the first second count as one: npm passes on the one that its child has had already.
    await until('it has ended', () => !server.child.kill('SIGINT') || ended, 8_000)
    expect(await server.exited).to.deep.include({ code: 130 })
    expect(performance.now() - pressed).to.be.greaterThan(900)
  })
})
