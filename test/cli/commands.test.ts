import { rmSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { expect } from 'chai'
import { built } from '../support/built.ts'
import type { RunningServer } from '../support/process.ts'
import { answered, conversation, createProject, type Project, plainSettings } from '../support/project.ts'
import { until } from '../support/until.ts'

const SOON_MS = 1_000

/** An app and a backend that fail as long as the file `broken` is there. */
const failingSettings = `
import { existsSync } from 'node:fs'
import { defineBackend, defineSettings, RequestError } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { httptester } from 'sms-switchboard/backends'
import { z } from 'zod'

const isBroken = () => existsSync('broken')
const fussy = defineBackend({
  kind: 'fussy',
  settings: z.strictObject({}),
  async send() {
    if (isBroken()) throw new RequestError('the service does not like it')
    return { state: 'SENT' }
  },
})

export default defineSettings({
  backends: { httptester: httptester(), fussy: fussy() },
  apps: [
    { name: 'fails', handle() { if (isBroken()) throw new Error('the app is broken\\nin two lines') } },
    echo(),
  ],
  retry: { attempts: 1 },
  console: { enabled: false },
})
`

describe('switchboard, beside the server or without it', function () {
  this.timeout(60_000)
  let project: Project

  before(built)

  afterEach(() => project.remove())

  it('migrate makes the database, and says the second time that there is nothing to do', async () => {
    project = createProject()
    const first = await project.run(['migrate'])
    expect(first).to.deep.include({ code: 0, stderr: '' })
    expect(first.stdout).to.match(/^Migrated: 001-first\S*\.\n$|^Migrated: 001-first, .*\.\n$/)
    const second = await project.run(['migrate'])
    expect(second).to.deep.include({ code: 0, stdout: 'The database is up to date.\n', stderr: '' })
  })

  it('routes prints the table, without touching the database', async () => {
    project = createProject(plainSettings.replace('httptester()', `httptester({ path: '/24fb0d6963f/' })`))
    const { code, stdout } = await project.run(['routes'])
    expect(code).to.equal(0)
    const [head = '', ...rows] = stdout.trimEnd().split('\n')
    expect(head.split(/ {2,}/)).to.deep.equal(['METHODS', 'PATH', 'BACKEND', 'KIND', 'VIEW'])
    expect(rows.map((row) => row.split(/ {2,}/))).to.deep.include.members([
      ['GET, POST', '/24fb0d6963f/', 'httptester', 'httptester', '(incoming)'],
      ['GET', '/24fb0d6963f/messages.json', 'httptester', 'httptester', 'messages.json'],
    ])
    const { stdout: migrated } = await project.run(['migrate'])
    expect(migrated).to.match(/^Migrated: /)
  })

  it('send and receive leave their messages to a server that starts later, and to one that runs', async () => {
    project = createProject()
    await recordSome('waiting')
    const server = await project.start()
    await expectDone(server, 'waiting')
    await recordSome('running', async () => {
      await answered(server, '2', 'received running', SOON_MS)
    })
    await expectDone(server, 'running')
  })

  async function recordSome(what: string, afterReceive = async () => {}): Promise<void> {
    const sent = await project.run(['send', '--to', '1', '3', '--text', `sent ${what}`])
    expect(sent).to.deep.include({ code: 0, stderr: '' })
    expect(sent.stdout).to.match(/^\S{36} recorded for 1 over httptester\n\S{36} recorded for 3 over httptester\n$/)
    const received = await project.run(['receive', '--identity', '2', '--text', `echo received ${what}`])
    expect(received).to.deep.include({ code: 0, stderr: '' })
    expect(received.stdout).to.match(/^\S{36} recorded\n$/)
    await afterReceive()
  }

  async function expectDone(server: RunningServer, what: string): Promise<void> {
    for (const to of ['1', '3']) {
      await until(`"sent ${what}" to ${to}`, async () =>
        (await conversation(server, to)).some(({ text, state }) => text === `sent ${what}` && state === 'DELIVERED'),
      )
    }
    await answered(server, '2', `received ${what}`)
  }

  it('send leaves word of each lane once', async () => {
    project = createProject()
    expect(await project.run(['send', '--to', '1', '2', '--text', 'x'])).to.deep.include({ code: 0 })
    const database = new Sqlite(project.file('data/switchboard.db'), { readonly: true })
    const told = database.prepare('SELECT lane FROM nudges').all()
    database.close()
    expect(told).to.have.length(2)
  })

  it('send and receive name what is wrong, and end with 1', async () => {
    project = createProject()
    const rows: readonly (readonly [readonly string[], string])[] = [
      [['send', '--to', '1', '--text', 'x', '--backend', 'fax'], 'there is no backend "fax"; there are httptester'],
      [['send', '--to', '1', '--text', ''], 'a text is expected, not an empty one'],
      [['receive', '--identity', '1', '--text', 'x', '--backend', 'fax'], 'there is no "fax"; there are httptester'],
    ]
    for (const [args, says] of rows) {
      const { code, stdout, stderr } = await project.run(args)
      expect({ code, stdout }, args.join(' ')).to.deep.equal({ code: 1, stdout: '' })
      expect(stderr, args.join(' ')).to.include(says)
      expect(stderr.trimEnd().split('\n')).to.have.length(1)
    }
  })

  it('replay says that nothing has failed, and fails for an id that is not of a failed message', async () => {
    project = createProject()
    const listed = await project.run(['replay'])
    expect(listed).to.deep.include({ code: 0, stdout: 'No message has failed.\n', stderr: '' })
    const named = await project.run(['replay', '01890000-0000-7000-8000-000000000000'])
    expect(named).to.deep.include({ code: 1, stdout: '0 messages are worked again\n' })
    expect(named.stderr).to.match(/^switchboard: none of these is a message that has failed/)
  })

  it('send says that nobody is in a group, and ends with 1', async () => {
    project = createProject()
    const { code, stdout, stderr } = await project.run(['send', '--group', 'nogroup', '--text', 'hi'])
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.match(/^switchboard: nobody is in the groups/)
  })

  it('route knows what is paused', async () => {
    project = createProject()
    await project.run(['pause', 'httptester', '--reason', 'night'])
    const { stdout } = await project.run(['route', '--to', '254700000001'])
    expect(stdout).to.match(/^first +httptester .* no$/m)
  })

  it('replay lists what failed, and has it worked by the server that runs or by the next one', async () => {
    project = createProject(failingSettings)
    project.write('broken', '')
    await project.run(['receive', '--identity', '1', '--text', 'echo one'])
    await project.run(['receive', '--identity', '2', '--text', 'echo two'])
    await project.run(['send', '--to', '3', '--text', 'three', '--backend', 'fussy'])
    const server = await project.start()
    const rows = await until('three failed messages', async () => {
      const { stdout } = await project.run(['replay'])
      const lines = stdout.split('\n').filter((line) => / (in|out) /.test(line))
      return lines.length === 3 && lines.map((line) => line.split(/ {2,}/))
    })
    expect(
      rows.map(([, direction, backend, identity, , error]) => [direction, backend, identity, error]),
    ).to.have.deep.members([
      ['in', 'httptester', '1', 'the app is broken'],
      ['in', 'httptester', '2', 'the app is broken'],
      ['out', 'fussy', '3', 'the service does not like it'],
    ])

    const none = await project.run(['replay', '--in', '--backend', 'fussy'])
    expect(none.stdout).to.equal('No message has failed.\n')
    rmSync(project.file('broken'))
    const one = rows.find(([, , , identity]) => identity === '1')?.[0] ?? ''
    const named = await project.run(['replay', one])
    expect(named).to.deep.include({ code: 0, stdout: '1 message is worked again\n' })
    await answered(server, '1', 'one', SOON_MS)

    await server.stop()
    const all = await project.run(['replay', '--all'])
    expect(all).to.deep.include({ code: 0, stdout: '2 messages are worked again\n' })
    const next = await project.start()
    await answered(next, '2', 'two')
    await until('nothing has failed', async () => (await project.run(['replay'])).stdout === 'No message has failed.\n')
    expect((await conversation(next, '1')).map(({ text }) => text)).to.deep.equal(['echo one', 'one'])
  })
})
