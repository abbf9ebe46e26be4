import { expect } from 'chai'
import pg from 'pg'
import { COUNTS, OWN } from '../../../src/store/postgres/callbacks.ts'
import { PLANS } from '../../../src/store/postgres/database.ts'
import { addCallback, callbackWork, DAY, valuesOf } from '../../support/callback-rows.ts'
import { whyNoPostgres } from '../../support/postgres.ts'
import { type PostgresTestDatabase, postgresDatabase } from '../../support/postgres-store.ts'
import { skip } from '../../support/skip.ts'
import { incomingRow, NOW, outgoingLane, outgoingRow, reportRow, sendFirst } from '../../support/store-rows.ts'
import { until } from '../../support/until.ts'

const LIMIT_MS = 60_000

describe('callbacks in PostgreSQL', function () {
  this.timeout(LIMIT_MS)
  let database: PostgresTestDatabase

  before(function () {
    const why = whyNoPostgres()
    if (why !== undefined) skip(this, why)
  })
  beforeEach(async () => {
    database = await postgresDatabase()
  })
  afterEach(() => database?.remove())

  const triggers = async () => {
    const rows = await database.run<{ name: string }>(
      `SELECT tgname AS name FROM pg_trigger WHERE tgname LIKE 'tell_%' ORDER BY 1`,
    )
    return rows.map(({ name }) => name)
  }

  it('have their triggers while there are any, whoever adds and removes them at the same time', async () => {
    const stores = await Promise.all([database.open({ lock: 'shared' }), database.open({ lock: 'shared' })])
    expect(await triggers()).to.deep.equal([])
    for (let round = 0; round < 3; round++) {
      const added = await Promise.all(stores.map((store) => addCallback(store)))
      expect(await triggers()).to.deep.equal(['tell_moved', 'tell_received', 'tell_settled'])
      const [first, second] = added
      const again = addCallback(stores[0])
      await Promise.all([
        stores[0]?.callbacks.remove(first?.id ?? 0),
        stores[1]?.callbacks.remove(second?.id ?? 0),
        again,
      ])
      expect(await triggers()).to.deep.equal(['tell_moved', 'tell_received', 'tell_settled'])
      await stores[1]?.callbacks.remove((await again)?.id ?? 0)
      expect(await triggers()).to.deep.equal([])
    }
  })

  it("of one owner are listed and counted without the others' rows", async () => {
    const store = await database.open({ lock: 'shared' })
    await database.run(
      `INSERT INTO callbacks (user_name, name, url, target, format, secret, created_at, updated_at)
       SELECT nullif('user ' || n % 200, 'user 0'), 'sms_received', '', '', 'json', '', 0, 0 FROM generate_series(1, 2000) n`,
    )
    await database.run(
      `INSERT INTO callback_deliveries (id, callback, target, lane, name, at, message_id, backend, identity, text,
         recorded_at, since, dead_at)
       SELECT n::text, 1 + n % 2000, '', n::text, 'sms_received', 0, '', '', '', '', 0, 0, nullif(n % 3, 0)
       FROM generate_series(1, 40000) n`,
    )
    await database.run('VACUUM ANALYZE callbacks, callback_deliveries')
    const own = await store.callbacks.list('user 7')
    expect(own).to.have.lengthOf(10)
    const counts = await store.callbacks.counts(own.map(({ id }) => id))
    expect(counts.map(({ waiting, dead }) => waiting + dead)).to.deep.equal(own.map(() => 20))
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query(PLANS)
    const planOf = async (text: string, value: unknown) => {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE) ${text}`, [value])
      return rows.map((row) => row['QUERY PLAN']).join('\n')
    }
    const ids = own.map(({ id }) => String(id))
    const plans = [await planOf(OWN.text, 'user 7'), await planOf(OWN.text, null), await planOf(COUNTS.text, ids)]
    await client.end()
    for (const plan of plans.slice(0, 2)) expect(plan).to.match(/Index Scan (using|on) callbacks_user/)
    expect(plans[2]).to.match(/Index (Only )?Scan (using|on) callback_deliveries_callback/)
    for (const plan of plans) expect(plan).not.to.match(/Seq Scan|Rows Removed/)
  })

  it('hear in its order of what was being recorded while their URL was changed', async () => {
    const store = await database.open({ lock: 'shared' })
    const { add, told, claimed } = callbackWork({ store })
    const callback = await add({ name: 'sms_receipt' })
    const ids = ['a', 'b'].map((externalId) => ({ externalId, row: outgoingRow() }))
    for (const { externalId, row } of ids) {
      await store.recordOutgoing([row])
      await sendFirst(store, outgoingLane(), { externalIds: [externalId] })
    }
    const recording = new pg.Client({ connectionString: database.url })
    await recording.connect()
    await recording.query('BEGIN')
    await recording.query("UPDATE outgoing SET state = 'DELIVERED' WHERE id = $1", [ids[0]?.row.id])
    const values = { ...valuesOf(callback), url: 'http://new.example/', target: 'new' }
    const changing = store.callbacks.change(callback.id, callback.revision, values, NOW)
    await until('the URL is the new one', async () => (await store.callbacks.find(callback.id))?.target === 'new')
    await store.recordReports([reportRow({ externalId: 'b' })])
    const early = [await claimed({ target: 'new', holder: 'early' }), await store.callbacks.targets(NOW)]
    await recording.query('COMMIT')
    await recording.end()
    await changing
    expect(early).to.deep.equal([[], []])
    expect((await told('new')).map(({ messageId }) => messageId)).to.deep.equal(ids.map(({ row }) => row.id))
    expect(await told()).to.deep.equal([])
  })

  it('are told by the next change, or the next process, what a change that was broken off has left behind', async () => {
    const store = await database.open({ lock: 'shared' })
    const { add, receive, told } = callbackWork({ store })
    const [first, second] = [await add(), await add()]
    await receive()
    await database.run(`INSERT INTO callback_holds VALUES ('receiver', ${NOW + DAY}, 3)`)
    await database.run(`UPDATE callbacks SET target = 'new ' || id`)
    await store.callbacks.change(first.id, first.revision, { ...valuesOf(first), target: `new ${first.id}` }, NOW)
    expect(await told(`new ${first.id}`)).to.have.lengthOf(1)
    expect(await told(`new ${second.id}`)).to.deep.equal([])
    expect([await store.callbacks.follow(), await store.callbacks.follow()]).to.deep.equal([1, 0])
    expect(await told(`new ${second.id}`)).to.have.lengthOf(1)
  })

  describe('that are given a new URL', () => {
    const moving = async (text: string) => {
      const store = await database.open({ lock: 'shared' })
      const { add } = callbackWork({ store })
      const callbacks = [await add(), await add(), await add()]
      const writing = new pg.Client({ connectionString: database.url })
      await writing.connect()
      await writing.query(`BEGIN; ${text}`)
      const change = async (each: (typeof callbacks)[number]) =>
        store.callbacks.change(each.id, each.revision, { ...valuesOf(each), target: 'new' }, NOW)
      return { writing, changing: callbacks.map(change) }
    }

    it('wait for nobody who writes something else', async () => {
      const { writing, changing } = await moving('CREATE TABLE elsewhere (n int); INSERT INTO elsewhere VALUES (1)')
      const began = performance.now()
      await Promise.all(changing)
      expect(performance.now() - began).to.be.below(4_000)
      await writing.end()
    })

    it('are changed one at a time', async () => {
      const { writing, changing } = await moving('SELECT 1 FROM callbacks')
      const moved = async () => (await database.run(`SELECT 1 FROM callbacks WHERE target = 'new'`)).length
      await until('the first one is changed', async () => (await moved()) > 0)
      for (let looks = 0; looks < 10; looks++) expect(await moved()).to.equal(1)
      await writing.end()
      await Promise.all(changing)
      expect(await moved()).to.equal(3)
    })
  })

  it('are tried again in commits of bounded size, however much was given up', async () => {
    const store = await database.open({ lock: 'shared' })
    const { id } = await addCallback(store)
    await database.run(
      `INSERT INTO callback_deliveries (id, callback, target, lane, name, at, message_id, backend, identity, text,
         recorded_at, since, dead_at)
       SELECT n::text, ${id}, 'old', n::text, 'sms_received', 0, '', '', '', '', 0, 0, 1 FROM generate_series(1, 10001) n`,
    )
    await database.run(`INSERT INTO callback_holds VALUES ('receiver', ${NOW + DAY}, 3)`)
    expect(await store.callbacks.replay(undefined, ['10000', '10001'], NOW)).to.equal(2)
    expect(await store.callbacks.replay(id + 1, undefined, NOW)).to.equal(0)
    expect(await store.callbacks.replay(id, undefined, NOW)).to.equal(9_999)
    const commits = await database.run(
      `SELECT DISTINCT xmin::text FROM callback_deliveries WHERE dead_at IS NULL AND target = 'receiver'`,
    )
    expect(commits).to.have.lengthOf(4)
    expect(await store.callbacks.targets(NOW)).to.have.lengthOf(1)
  })

  it('begin without what an earlier one left of the URL', async () => {
    const store = await database.open({ lock: 'shared' })
    const { add, receive } = callbackWork({ store })
    await database.run(`INSERT INTO callback_holds VALUES ('receiver', ${NOW + DAY}, 3)`)
    await add()
    await receive()
    expect(await store.callbacks.targets(NOW)).to.deep.equal([{ target: 'receiver', user: 'ann', failures: 0 }])
  })

  it('come and go while messages are recorded, none of which fails; from the answer on all are told', async () => {
    const stores = await Promise.all([database.open({ lock: 'shared' }), database.open({ lock: 'shared' })])
    const progress = { isOver: false, added: false }
    let number = 0
    const after: string[] = []
    const record = async (store: (typeof stores)[number]) => {
      while (!progress.isOver) {
        const isAfter = progress.added
        const row = incomingRow({ identity: String(number++ % 50) })
        await store.recordIncoming([row])
        if (isAfter) after.push(row.id)
      }
    }
    const work = stores.flatMap((store) => [record(store), record(store), record(store)])
    for (let round = 0; round < 5; round++) {
      const { id } = await addCallback(stores[round % 2] ?? stores[0])
      await (stores[(round + 1) % 2] ?? stores[0]).callbacks.remove(id)
    }
    await addCallback(stores[0])
    progress.added = true
    while (after.length < 200) await new Promise((resolve) => setImmediate(resolve))
    progress.isOver = true
    await Promise.all(work)
    const told = await database.run<{ id: string }>('SELECT message_id AS id FROM callback_deliveries')
    expect(told.map(({ id }) => id)).to.include.members(after)
  })
})
