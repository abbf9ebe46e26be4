import Sqlite, { type Database } from 'better-sqlite3'
import { expect } from 'chai'
import { migrate } from '../../../src/store/sqlite/migrate.ts'
import { SqliteSession } from '../../../src/store/sqlite/session.ts'

const GROWING = [
  'incoming',
  'outgoing',
  'attempts',
  'reports',
  'duplicates',
  'external_ids',
  'conversation',
  'connections',
]

// Of the tables that grow, only these may be walked through, and only through an index of what is open.
const OF_WHAT_IS_OPEN = /^SCAN (incoming|outgoing) USING (COVERING )?INDEX \1_lane$/

describe('the query plans of SQLite', () => {
  const prepared: string[] = []
  let database: Database

  before(async () => {
    database = new Sqlite(':memory:')
    await migrate(database)
    const spied = Object.create(database, {
      prepare: {
        value: (statement: string) => {
          prepared.push(statement)
          return database.prepare(statement)
        },
      },
      name: { value: ':memory:' },
    }) as Database
    new SqliteSession(spied, ':memory:', 'server')
  })

  after(() => database.close())

  const planOf = (statement: string) => {
    // A statement may be explained without values only where they are told apart from those that are not given.
    const names = [...statement.matchAll(/@(\w+)/g)].map(([, name]) => [name, null])
    const values = names.length > 0 ? [Object.fromEntries(names)] : (statement.match(/\?/g) ?? []).map(() => null)
    return database
      .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${statement}`)
      .all(...values)
      .map(({ detail }) => detail)
  }

  it('are those of all statements on the way of a message', () => {
    const hot = prepared.filter((statement) => /\b(incoming|outgoing|attempts|reports|duplicates)\b/.test(statement))
    expect(hot.length).to.be.greaterThan(25)
  })

  it('walk through no table that grows', () => {
    const faults: string[] = []
    for (const statement of prepared) {
      if (!/^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)/.test(statement)) continue
      for (const step of planOf(statement)) {
        const table = /^SCAN (\w+)/.exec(step)?.[1]
        if (table === undefined || !GROWING.includes(table) || OF_WHAT_IS_OPEN.test(step)) continue
        faults.push(`${step} in ${statement}`)
      }
    }
    expect(faults).to.deep.equal([])
  })

  it('sort nothing on the way of a claim', () => {
    const claims = prepared.filter((statement) => /open = 1 AND backend = \? AND .*ORDER BY seq LIMIT/s.test(statement))
    expect(claims).to.have.length(3)
    for (const claim of claims) {
      expect(planOf(claim)).to.satisfy((steps: string[]) =>
        steps.every((step) => /^SEARCH \w+ USING INDEX \w+_lane/.test(step)),
      )
    }
  })

  it('begin each page of open lanes where the one before ended', () => {
    const pages = prepared.filter((statement) => /open = 1 AND \(backend, .*GROUP BY/s.test(statement))
    expect(pages).to.have.length(2)
    for (const page of pages) {
      const [first] = planOf(page)
      expect(first).to.match(
        /^SEARCH \w+ USING (COVERING )?INDEX \w+_lane \(\(backend(,class)?,identity\)>\(\?(,\?)+\)\)$/,
      )
    }
  })
})
