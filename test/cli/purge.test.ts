import Sqlite from 'better-sqlite3'
import { expect } from 'chai'
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { startCommand } from '../support/process.ts'
import { answered, createProject, type Project, plainSettings, post } from '../support/project.ts'
import { incomingRow } from '../support/store-rows.ts'
import { until } from '../support/until.ts'

const DAY = 24 * 3600_000

describe('switchboard purge', function () {
  this.timeout(60_000)
  let project: Project

  afterEach(() => project.remove())

  /** Messages that were received so many days ago, and are finished. */
  async function recorded(count: number, days: number): Promise<void> {
    const file = project.file('data/switchboard.db')
    const store = new SqliteStore({ file, role: 'command' })
    await store.open()
    const receivedAt = Date.now() - days * DAY
    await store.recordIncoming(
      Array.from({ length: count }, () => incomingRow({ backend: 'httptester', identity: '9', receivedAt })),
    )
    await store.close()
    const database = new Sqlite(file)
    database.exec(`UPDATE incoming SET state = 'PROCESSED', open = 0; DELETE FROM nudges`)
    database.close()
  }

  function left(): number {
    const database = new Sqlite(project.file('data/switchboard.db'), { readonly: true })
    const count = database.prepare('SELECT COUNT(*) FROM incoming').pluck().get() as number
    database.close()
    return count
  }

  it('removes beside a running server, which goes on taking and answering messages', async () => {
    project = createProject()
    await recorded(30, 100)
    await recorded(5, 80)
    const server = await project.start()
    expect(await post(server, '1', 'echo before')).to.match(/^200 /)
    await answered(server, '1', 'before')
    const { code, stdout, stderr } = await project.run(['purge', '--older-than', '90d', '--batch', '10'])
    expect({ code, stdout }).to.deep.equal({
      code: 0,
      stdout: '30 incoming and 0 outgoing messages removed, and 0 entries beside them\n',
    })
    expect(stderr).to.match(/^10 messages removed so far\n/)
    expect(left()).to.equal(6)
    expect(await post(server, '1', 'echo after')).to.match(/^200 /)
    await answered(server, '1', 'after')
    expect((await server.stop()).code).to.equal(0)
  })

  it('takes the days from the settings where none are given', async () => {
    project = createProject(plainSettings.replace('console:', 'retention: { days: 50 },\n  console:'))
    await recorded(2, 60)
    await recorded(1, 40)
    const said = (count: number) => `${count} incoming and 0 outgoing messages removed, and 0 entries beside them\n`
    expect(await project.run(['purge'])).to.deep.include({ code: 0, stdout: said(2), stderr: '' })
    expect(await project.run(['purge', '--older-than', '30d'])).to.deep.include({ code: 0, stdout: said(1) })
  })

  it('refuses, and removes nothing, where nothing says how old', async () => {
    project = createProject()
    await recorded(1, 10_000)
    const { code, stdout, stderr } = await project.run(['purge'])
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' })
    expect(stderr).to.equal(
      'switchboard: give --older-than, such as 90d, or the setting retention.days; --help shows how it is used\n',
    )
    expect(left()).to.equal(1)
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`stops between two batches at ${signal}, and goes on when called again`, async () => {
      project = createProject()
      await recorded(2_000, 100)
      const running = startCommand(['purge', '--older-than', '90d', '--batch', '1'], { cwd: project.folder })
      await until('a line of progress', () => running.stderr() !== '', 30_000)
      const { code, stdout, stderr } = await running.stop(signal)
      const removed = Number(/^(\d+) incoming and 0 outgoing messages removed/.exec(stdout)?.[1])
      expect(code).to.equal(1)
      expect(stderr).to.match(/stopped before the end; called again, it goes on\n$/)
      expect(removed).to.be.within(1, 1_999)
      expect(left()).to.equal(2_000 - removed)
      expect(await project.run(['purge', '--older-than', '90d'])).to.deep.include({ code: 0 })
      expect(left()).to.equal(0)
    })
  }
})
