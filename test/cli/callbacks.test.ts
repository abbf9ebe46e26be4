import { expect } from 'chai'
import { run } from '../../src/cli/program.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { addCallback } from '../support/callback-rows.ts'
import { createProject, type Project, plainSettings } from '../support/project.ts'
import { incomingRow } from '../support/store-rows.ts'

describe('switchboard callbacks', function () {
  this.timeout(120_000)
  let project: Project
  let store: SqliteStore

  beforeEach(async () => {
    project = createProject()
    const database = `databaseUrl: 'sqlite:${project.file('switchboard.db')}',\n  console:`
    project.write('settings.ts', plainSettings.replace('console:', database))
    store = new SqliteStore({ file: project.file('switchboard.db'), role: 'server' })
    await store.open()
  })
  afterEach(async () => {
    await store.close()
    void project.remove()
  })

  /** In this process, which is quicker than one for each; the store is open beside it, as a server's. */
  async function callbacks(...args: readonly string[]) {
    const lines: { out: string[]; err: string[] } = { out: [], err: [] }
    const output = { out: (line: string) => lines.out.push(line), err: (line: string) => lines.err.push(line) }
    const code = await run(['callbacks', ...args, '--settings', project.file('settings.ts')], output)
    return { code, out: lines.out, err: lines.err.join('\n') }
  }
  const cells = (lines: readonly string[]) => lines.map((line) => line.split(/ {2,}/))

  it('says that there is nothing', async () => {
    expect(await callbacks('list')).to.deep.equal({ code: 0, out: ['There is no callback.'], err: '' })
    expect((await callbacks('dead')).out).to.deep.equal(['Nothing was given up.'])
    expect((await callbacks('replay', '--all')).out).to.deep.equal(['0 events are told again'])
  })

  it('lists callbacks and what was given up, and has it told again', async () => {
    const { id } = await addCallback(store, { url: 'http://u:hidden@receiver.example/' })
    await store.recordIncoming(['1', '2', '3'].map((identity) => incomingRow({ identity })))
    const now = Date.now()
    const lease = { target: 'receiver', holder: 'h', now, until: now + 1, limit: 2, page: 10, after: 0 }
    const { deliveries: claimed } = await store.callbacks.claim(lease)
    const dead = { kind: 'dead', target: 'receiver', holder: 'h', now, status: 500, failure: 'answered 500' } as const
    await store.callbacks.settle(claimed.map(({ seq }) => ({ ...dead, seq })))
    const { out } = await callbacks('list')
    expect(cells(out)[1]).to.deep.equal([
      ...[String(id), 'ann', 'sms_received', 'json', 'all', '1', '2', 'on', 'http://u:***@receiver.example/'],
    ])
    const [head, first, second] = cells((await callbacks('dead')).out)
    expect(head?.[0]).to.equal('EVENT')
    expect([first?.[0], second?.[0]]).to.deep.equal([claimed[1]?.id, claimed[0]?.id])
    expect(second?.at(-1)).to.equal('answered 500')
    expect((await callbacks('dead', '--limit', '1')).out.at(-1)).to.equal(
      `There may be more: --before ${claimed[1]?.seq}`,
    )
    expect((await callbacks('replay', claimed[0]?.id ?? '')).out).to.deep.equal(['1 event is told again'])
    expect((await callbacks('replay', '--callback', String(id))).out).to.deep.equal(['1 event is told again'])
    expect(await store.callbacks.counts([id])).to.deep.equal([{ callback: id, waiting: 3, dead: 0 }])
    expect((await callbacks('replay', 'nothing')).code).to.equal(1)
  })

  it('removes a callback, also of a user who is not in the settings', async () => {
    const { id } = await addCallback(store, { user: 'gone' })
    await store.callbacks.disable(id, 1, 'its user is not in the settings', Date.now())
    expect(cells((await callbacks('list')).out)[1]?.[7]).to.equal('off: its user is not in the settings')
    const args = ['remove', String(id)] as const
    expect(await callbacks(...args)).to.deep.equal({ code: 0, out: [`the callback ${id} is removed`], err: '' })
    expect(await store.callbacks.list()).to.deep.equal([])
    const again = { code: 1, out: [], err: `switchboard: there is no callback ${id}` }
    expect(await callbacks(...args)).to.deep.equal(again)
  })

  it('refuses a wrong use', async () => {
    for (const args of [
      ['replay'],
      ['replay', 'x', '--all'],
      ['remove'],
      ['remove', 'x'],
      ['dead', '--limit', '1001'],
      ['dead', '--callback', 'x'],
    ]) {
      expect((await callbacks(...args)).code, args.join(' ')).to.equal(2)
    }
  })
})
