import { mkdirSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { MigrationError, StoreUnavailableError } from '../../../src/store/errors.ts'
import { SqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import { startProcess } from '../../support/process.ts'
import { rejection } from '../../support/rejection.ts'
import { type SqliteFile, sqliteFile } from '../../support/sqlite-store.ts'
import { incomingRow } from '../../support/store-rows.ts'

const STORE = new URL('../../../src/store/sqlite/sqlite-store.ts', import.meta.url).href

describe('migrations of SQLite', () => {
  let file: SqliteFile

  beforeEach(() => {
    file = sqliteFile()
  })

  afterEach(() => file.remove())

  const schema = () => file.outside().prepare('SELECT name, sql FROM sqlite_master ORDER BY name').all()

  it('bring a fresh file up to date and name what ran; the second time nothing', async () => {
    const store = new SqliteStore({ file: file.file, role: 'server' })
    expect(await store.open()).to.deep.equal(['001-first'])
    await store.close()
    const before = schema()
    expect(await store.open()).to.deep.equal([])
    await store.close()
    expect(schema()).to.deep.equal(before)
  })

  it('make the folder of the file', async () => {
    const store = new SqliteStore({ file: `${file.file}.d/deep/er.db`, role: 'command' })
    await store.open()
    await store.ping()
    await store.close()
  })

  it('refuse a file written by a newer version, naming what they do not know, and leave it alone', async () => {
    await (await file.open()).close()
    const outside = file.outside()
    outside.prepare('INSERT INTO kysely_migration VALUES (?, ?)').run('999-of-tomorrow', new Date().toISOString())
    const before = schema()
    const error = await rejection(file.open())
    expect(error).to.be.instanceOf(MigrationError)
    expect(String(error)).to.include('999-of-tomorrow')
    expect(schema()).to.deep.equal(before)
    outside.exec("DELETE FROM kysely_migration WHERE name LIKE '999%'")
    const store = await file.open()
    await store.ping()
  })

  it('leave nothing behind when one fails, and run again once the obstacle is gone', async () => {
    const outside = file.outside()
    outside.exec('CREATE TABLE outgoing (something TEXT)')
    const before = schema()
    expect(await rejection(file.open())).to.be.instanceOf(MigrationError)
    expect(schema()).to.deep.equal(before)
    outside.exec('DROP TABLE outgoing')
    await (await file.open()).ping()
  })

  it('name the file that is no database, and a folder in its place', async () => {
    writeFileSync(file.file, 'this is no database, however long it goes on '.repeat(100))
    mkdirSync(`${file.file}.folder`)
    for (const path of [file.file, `${file.file}.folder`]) {
      const error = await rejection(new SqliteStore({ file: path, role: 'command' }).open())
      expect(error).to.be.instanceOf(StoreUnavailableError)
      expect(String(error)).to.include(path)
    }
  })

  it('run once when several processes start at once', async function () {
    this.timeout(60_000)
    const script = `
      const { SqliteStore } = await import(${JSON.stringify(STORE)})
      const store = new SqliteStore({ file: ${JSON.stringify(file.file)}, role: 'command' })
      const ran = await store.open()
      await store.ping()
      await store.close()
      console.log(JSON.stringify(ran))`
    const args = ['--import', 'tsx', '--input-type=module', '-e', script]
    const exits = await Promise.all([1, 2].map(() => startProcess(process.execPath, args).exited))
    expect(exits.map(({ code, stderr }) => `${code} ${stderr}`)).to.deep.equal(['0 ', '0 '])
    const ran = exits.map(({ stdout }) => stdout.trim()).sort()
    expect(ran).to.deep.equal(['["001-first"]', '[]'])
  })

  it('keep the count of messages over a kill: what was answered is there, in its order, and counted on', async function () {
    this.timeout(60_000)
    const script = `
      const { SqliteStore } = await import(${JSON.stringify(STORE)})
      const store = new SqliteStore({ file: ${JSON.stringify(file.file)}, role: 'server' })
      await store.open()
      const row = ${JSON.stringify(incomingRow())}
      for (let n = 0; ; n++) {
        await Promise.all([0, 1, 2].map((k) => store.recordIncoming([{ ...row, id: 'id-' + (3 * n + k) }])
          .then(() => process.stdout.write((3 * n + k) + '\\n'))))
      }`
    const args = ['--import', 'tsx', '--input-type=module', '-e', script]
    const running = startProcess(process.execPath, args)
    await new Promise<void>((resolve) => {
      running.child.stdout?.on('data', () => {
        if (running.stdout().split('\n').length > 30) resolve()
      })
    })
    const { stdout } = await running.stop('SIGKILL')
    const answered = stdout.split('\n').slice(0, -1)
    const store = await file.open()
    await store.recordIncoming([incomingRow({ id: 'after' })])
    const lines = await store.log.conversation({ backend: 'gateway', identity: '15550001', limit: 1_000_000 })
    const ids = lines.map(({ id }) => id)
    expect(answered.length).to.be.greaterThan(29)
    expect(ids.slice(0, answered.length)).to.deep.equal(answered.map((n) => `id-${n}`))
    expect(ids.at(-1)).to.equal('after')
    expect(new Set(lines.map(({ seq }) => seq)).size).to.equal(lines.length)
  })
})
