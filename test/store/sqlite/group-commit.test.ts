import Sqlite, { type Database } from 'better-sqlite3'
import { expect } from 'chai'
import { StoreUnavailableError } from '../../../src/store/errors.ts'
import { type CommitHooks, GroupCommit } from '../../../src/store/sqlite/group-commit.ts'
import { SeqCounter } from '../../../src/store/sqlite/seq-counter.ts'
import { rejection } from '../../support/rejection.ts'
import { tempFolder } from '../../support/temp-folder.ts'

describe('GroupCommit', () => {
  const folder = tempFolder()
  const opened: Database[] = []
  let database: Database
  let other: Database
  let commit: GroupCommit
  let seq: SeqCounter
  let heard: string[]

  beforeEach(() => {
    const file = `${folder.path}/${opened.length}.db`
    database = new Sqlite(file, { timeout: 0 })
    database.pragma('journal_mode = WAL')
    database.exec(`CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
      INSERT INTO counters VALUES ('seq', 0);
      CREATE TABLE rows (seq INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)`)
    other = new Sqlite(file, { timeout: 0 })
    opened.push(database, other)
    heard = []
    const hooks: CommitHooks = { began: () => heard.push('began'), undone: () => heard.push('undone') }
    seq = new SeqCounter(database)
    commit = new GroupCommit(database, seq, hooks)
  })

  after(() => {
    for (const connection of opened) connection.close()
    folder.remove()
  })

  const insert = (text: string) =>
    commit.write(() => database.prepare('INSERT INTO rows VALUES (?, ?)').run(seq.next(), text).lastInsertRowid)
  const seen = () =>
    other
      .prepare<[], { text: string }>('SELECT text FROM rows ORDER BY seq')
      .all()
      .map(({ text }) => text)
  const commits = () => heard.filter((what) => what === 'began').length

  it('puts all writes of one turn into one transaction and answers nobody before it', async () => {
    let answered = 0
    const writes = Array.from({ length: 100 }, (_, index) =>
      insert(String(index)).then(() => {
        if (answered === 0) expect(seen(), 'on disk when the first is answered').to.have.length(100)
        answered++
      }),
    )
    await Promise.resolve()
    expect([answered, commits()]).to.deep.equal([0, 0])
    await Promise.all(writes)
    expect([answered, commits()]).to.deep.equal([100, 1])
    expect(seen()).to.deep.equal(Array.from({ length: 100 }, (_, index) => String(index)))
  })

  it('tells what was committed right after the commit, before anybody is answered', async () => {
    const order: string[] = []
    const write = (name: string) =>
      commit
        .write(
          () => name,
          (result) => order.push(`committed ${result}`),
        )
        .then((result) => order.push(`answered ${result}`))
    await Promise.all([write('a'), write('b')])
    expect(order).to.deep.equal(['committed a', 'committed b', 'answered a', 'answered b'])
  })

  it('undoes the writes of a caller that fails, and of no other, in one more transaction', async () => {
    const results = await Promise.allSettled([
      insert('a'),
      insert('a'),
      insert('b'),
      commit.write(() => {
        database.prepare("INSERT INTO rows VALUES (50, 'half')").run()
        throw new RangeError('its own fault')
      }),
      insert('c'),
    ])
    expect(results.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(results[3]).to.have.property('reason').that.is.instanceOf(RangeError)
    expect(seen()).to.deep.equal(['a', 'b', 'c'])
    expect(commits()).to.equal(2)
    expect(heard.filter((what) => what === 'undone')).to.have.length(3)
    await insert('d')
    expect(seen().at(-1)).to.equal('d')
  })

  it('a single caller that fails is tried once', async () => {
    let runs = 0
    const failing = commit.write(() => {
      runs++
      throw new RangeError('its own fault')
    })
    expect(await rejection(failing)).to.be.instanceOf(RangeError)
    expect(runs).to.equal(1)
  })

  for (const [what, begin, end] of [
    ['is locked by another process', 'BEGIN IMMEDIATE', 'ROLLBACK'],
    ['may only be read', 'PRAGMA query_only = ON', 'PRAGMA query_only = OFF'],
  ] as const) {
    it(`answers all with StoreUnavailableError while the database ${what}, and goes on afterwards`, async () => {
      const holder = what.includes('locked') ? other : database
      holder.exec(begin)
      const failures = await Promise.all(['a', 'b', 'c'].map((text) => rejection(insert(text))))
      for (const failure of failures) expect(failure).to.be.instanceOf(StoreUnavailableError)
      expect(String(failures[0])).to.include(database.name)
      holder.exec(end)
      await Promise.all(['a', 'b'].map(insert))
      expect(seen()).to.deep.equal(['a', 'b'])
    })
  }

  it('answers all with StoreUnavailableError when the disk is full, keeps what was there, and goes on', async () => {
    await insert('before')
    const pages = database.pragma('page_count', { simple: true })
    database.pragma(`max_page_count = ${pages}`)
    const big = 'x'.repeat(100_000)
    const failures = await Promise.all([rejection(insert('small')), rejection(insert(big)), rejection(insert('after'))])
    for (const failure of failures) expect(failure).to.be.instanceOf(StoreUnavailableError)
    expect(seen()).to.deep.equal(['before'])
    database.pragma('max_page_count = 1000000')
    await Promise.all([insert('small'), insert(big)])
    expect(seen()).to.deep.equal(['before', 'small', big])
    expect(other.prepare("SELECT value FROM counters WHERE name = 'seq'").get()).to.deep.equal({ value: 3 })
  })

  it('commits what has gathered when it is told to, once', async () => {
    const written = insert('a')
    commit.flush()
    expect(seen()).to.deep.equal(['a'])
    await written
    await new Promise((resolve) => setImmediate(resolve))
    expect(commits()).to.equal(1)
  })
})
