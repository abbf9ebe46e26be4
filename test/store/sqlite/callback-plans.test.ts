import { join } from 'node:path'
import Sqlite, { type Database } from 'better-sqlite3'
import { expect } from 'chai'
import { prepareCallbacks } from '../../../src/store/sqlite/callback-statements.ts'
import { migrate } from '../../../src/store/sqlite/migrate.ts'
import { SqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import { addCallback } from '../../support/callback-rows.ts'
import { NOW } from '../../support/store-rows.ts'
import { tempFolder } from '../../support/temp-folder.ts'

describe('the query plans of callbacks in SQLite', () => {
  const prepared: string[] = []
  let database: Database

  before(async () => {
    database = new Sqlite(':memory:')
    await migrate(database)
    prepareCallbacks(
      Object.create(database, {
        prepare: {
          value: (statement: string) => {
            prepared.push(statement)
            return database.prepare(statement)
          },
        },
      }) as Database,
    )
  })

  after(() => database.close())

  /** How the one statement that matches reads the tables of callbacks. */
  function stepsOf(pattern: RegExp): readonly string[] {
    const found = prepared.filter((statement) => pattern.test(statement))
    expect(found).to.have.lengthOf(1)
    const [statement = ''] = found
    const values = (statement.match(/\?/g) ?? []).map(() => null)
    const plan = database.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${statement}`).all(...values)
    return plan.map(({ detail }) => detail).filter((detail) => /\bcallback(s|_deliveries)\b/.test(detail))
  }

  it('find the callbacks of one owner without the others', () => {
    expect(stepsOf(/SELECT id, .*user_name IS \?/s)).to.deep.equal([
      'SEARCH callbacks USING INDEX callbacks_user (user_name=?)',
    ])
    expect(stepsOf(/SELECT COUNT.*user_name IS \?/s)).to.deep.equal([
      'SEARCH callbacks USING COVERING INDEX callbacks_user (user_name=?)',
    ])
  })

  it("count what waits for some callbacks without the others' rows", () => {
    expect(stepsOf(/GROUP BY callback/)).to.deep.equal([
      'SEARCH callback_deliveries USING COVERING INDEX callback_deliveries_callback (callback=?)',
    ])
  })
})

describe('callbacks in SQLite', () => {
  it('are all told again, in commits of bounded size, however much was given up', async () => {
    const folder = tempFolder()
    const file = join(folder.path, 'switchboard.db')
    const store = new SqliteStore({ file, role: 'server' })
    await store.open()
    const { id } = await addCallback(store)
    const database = new Sqlite(file)
    database.exec(
      `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 10001)
       INSERT INTO callback_deliveries (id, callback, target, name, at, message_id, backend, identity, text,
         recorded_at, since, dead_at)
       SELECT n, ${id}, 'old', 'sms_received', 0, '', '', n, '', 0, 0, 1 FROM n`,
    )
    const dead = database.prepare<[], { count: number }>(
      'SELECT COUNT(*) AS count FROM callback_deliveries WHERE dead_at IS NOT NULL',
    )
    const replaying = store.callbacks.replay(undefined, undefined, NOW)
    const left = new Set<number | undefined>()
    const ended = replaying.then(() => true)
    while (!(await Promise.race([ended, new Promise<false>((resolve) => setImmediate(resolve, false))])))
      left.add(dead.get()?.count)
    database.close()
    expect(await replaying).to.equal(10_001)
    expect([...left]).to.include.members([5_001, 1])
    expect(await store.callbacks.counts([id])).to.deep.equal([{ callback: id, waiting: 10_001, dead: 0 }])
    await store.close()
    folder.remove()
  })
})
