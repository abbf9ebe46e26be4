import Sqlite, { type Database } from 'better-sqlite3'
import { expect } from 'chai'
import { prepareCallbacks } from '../../../src/store/sqlite/callback-statements.ts'
import { migrate } from '../../../src/store/sqlite/migrate.ts'

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
