import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { createProject, type Project, post } from '../support/project.ts'
import { until } from '../support/until.ts'

/** A hook that says that it has begun, and ends only when the file `go` appears. */
const settings = `
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { defineSettings } from 'sms-switchboard'
import { httptester } from 'sms-switchboard/backends'

export default defineSettings({
  backends: { httptester: httptester() },
  apps: [],
  console: { enabled: false },
  events: {
    receive: [
      async ({ message }) => {
        appendFileSync('hooks', 'begins ' + message.text + '\\n')
        while (!existsSync('go')) await pause(10)
        appendFileSync('hooks', 'ends ' + message.text + '\\n')
      },
      { before: true, hook: ({ message }) => { if (message.text === 'refuse') throw new Error('the books are closed') } },
    ],
  },
})
`

describe('hooks of a settings file', function () {
  this.timeout(30_000)
  let project: Project
  beforeEach(() => {
    project = createProject(settings)
  })
  afterEach(() => project.remove())
  const told = () => (existsSync(project.file('hooks')) ? readFileSync(project.file('hooks'), 'utf8') : '')

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`in hand are waited for on ${signal}`, async () => {
      const server = await project.start()
      expect(await post(server, '1', 'x')).to.equal('200 OK')
      await until('the hook', () => told() !== '')
      const stopped = server.stop(signal)
      await until('the end of serving', () =>
        fetch(server.url).then(
          () => false,
          () => true,
        ),
      )
      project.write('go', '')
      expect((await stopped).code).to.equal(0)
      expect(told()).to.equal('begins x\nends x\n')
    })
  }

  it('are lost to a crash', async () => {
    const server = await project.start()
    expect(await post(server, '1', 'x')).to.equal('200 OK')
    await until('the hook', () => told() !== '')
    await server.stop('SIGKILL')
    project.write('go', '')
    const next = await project.start()
    expect(await post(next, '2', 'y')).to.equal('200 OK')
    await until('the next hook', () => told().includes('ends y'))
    await next.stop()
    expect(told()).to.equal('begins x\nbegins y\nends y\n')
  })

  it('run in the process of a command that records', async () => {
    project.write('go', '')
    expect((await project.run(['receive', '--identity', '1', '--text', 'x'])).code).to.equal(0)
    expect(told()).to.equal('begins x\nends x\n')
    const refused = await project.run(['receive', '--identity', '1', '--text', 'refuse'])
    expect(refused.code).to.equal(1)
    expect(refused.stderr).to.match(/The hook "events\.receive\.1" failed/)
  })
})
