import { expect } from 'chai'
import type { SqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import { rejection } from '../../support/rejection.ts'
import { type SqliteFile, sqliteFile } from '../../support/sqlite-store.ts'
import {
  finished,
  head,
  incomingLane,
  incomingRow,
  outgoingLane,
  outgoingRow,
  processFirst,
  reportRow,
  sendFirst,
  sent,
  T0,
} from '../../support/store-rows.ts'

const DAY = 24 * 3600_000
const BEFORE = T0 + 30 * DAY
const TABLES = ['incoming', 'outgoing', 'attempts', 'external_ids', 'reports', 'conversation', 'effects', 'duplicates']

describe('purging SQLite', () => {
  let file: SqliteFile
  let store: SqliteStore

  beforeEach(async () => {
    file = sqliteFile()
    store = await file.open()
  })

  afterEach(() => file.remove())

  const count = (table: string) => file.outside().prepare(`SELECT COUNT(*) FROM ${table}`).pluck().get() as number
  const cancelled = (count: number, createdAt = T0) =>
    store.recordOutgoing(
      Array.from({ length: count }, () => outgoingRow({ createdAt, state: 'CANCELLED', reason: 'no' })),
    )

  it('leaves no row behind in any table of messages', async () => {
    const rows = Array.from({ length: 2_100 }, (_, index) => incomingRow({ identity: String(index % 7) }))
    await store.recordIncoming([...rows, incomingRow({ externalId: 'in' })])
    await store.effects.put(rows[0]?.id ?? '', 'key', 1, T0)
    for (const identity of ['0', '1', '2', '3', '4', '5', '6', '15550001']) {
      const { fence, messages } = await store.claimIncoming(incomingLane(identity), 1_000)
      await store.finishIncoming(messages.map((message) => finished(fence, message)))
    }
    await store.recordOutgoing([outgoingRow()])
    await sendFirst(store, outgoingLane(), { externalIds: ['ext'] })
    await store.recordReports([reportRow({ externalId: 'ext' }), reportRow({ externalId: 'never known' })])
    for (const table of TABLES) expect(count(table), table).to.be.greaterThan(0)
    const purged = await store.purge({ before: BEFORE, now: BEFORE, limit: 10_000 })
    expect(purged).to.deep.include({ incoming: 2_101, outgoing: 1, more: false })
    for (const table of TABLES) expect(count(table), table).to.equal(0)
  })

  it('keeps a message that was scheduled long ago and sent lately, whose reports are still to come', async () => {
    const row = outgoingRow({ notBefore: BEFORE })
    await store.recordOutgoing([row])
    const { fence, message } = head(await store.claimOutgoing(outgoingLane(), 1, BEFORE))
    await store.startAttempts([{ fence, message, at: BEFORE }])
    await store.finishAttempts([sent(fence, message, { startedAt: BEFORE, at: BEFORE + 2, externalIds: ['ext'] })])
    expect(await store.purge({ before: BEFORE + 1, now: BEFORE + 1, limit: 10 })).to.deep.include({
      outgoing: 0,
      more: false,
    })
    const [effect] = await store.recordReports([reportRow({ externalId: 'ext', receivedAt: BEFORE + 3 })])
    expect(effect).to.deep.include({ messageId: row.id, state: 'DELIVERED' })
    await store.purge({ before: BEFORE + DAY, now: BEFORE + DAY, limit: 10 })
    expect(await store.log.find(row.id)).to.equal(undefined)
  })

  it('keeps a young message that a clock set back has finished before its time', async () => {
    await store.recordOutgoing([outgoingRow({ createdAt: BEFORE })])
    await sendFirst(store, outgoingLane(), { startedAt: T0, at: T0 })
    expect(await store.purge({ before: BEFORE, now: BEFORE, limit: 10 })).to.deep.include({ outgoing: 0 })
  })

  it('looks at what stays once in each walk, not in every batch', async () => {
    await store.recordIncoming(Array.from({ length: 1_000 }, (_, index) => incomingRow({ identity: String(index) })))
    await cancelled(10)
    const batches = []
    let more = true
    while (more) {
      const batch = await store.purge({ before: BEFORE, now: BEFORE, limit: 5 })
      batches.push(batch.outgoing)
      more = batch.more
    }
    // Fifty at a time through a thousand; what is behind them then comes in full batches.
    expect(batches).to.deep.equal([...Array(20).fill(0), 5, 5, 0])
  })

  it('ends a walk among the young, however many they are', async () => {
    await cancelled(3)
    await cancelled(12_000, BEFORE)
    await cancelled(1)
    const batches = []
    let more = true
    while (more) {
      const batch = await store.purge({ before: BEFORE, now: BEFORE, limit: 100 })
      batches.push(batch.outgoing)
      more = batch.more
    }
    expect(batches).to.deep.equal([3, 0, 0, 0, 0, 0])
  })

  it('takes a batch again whose commit has failed', async () => {
    await cancelled(4)
    await store.recordIncoming([incomingRow()])
    const outside = file.outside()
    outside.exec(`CREATE TRIGGER refuse BEFORE DELETE ON outgoing BEGIN SELECT RAISE(ABORT, 'not now'); END`)
    expect(String(await rejection(store.purge({ before: BEFORE, now: BEFORE, limit: 2 })))).to.include('not now')
    expect(count('outgoing')).to.equal(4)
    outside.exec('DROP TRIGGER refuse')
    expect(await store.purge({ before: BEFORE, now: BEFORE, limit: 9 })).to.deep.include({ outgoing: 4, more: false })
  })

  it('may be done by a command, while the server goes on with what it knows', async () => {
    await store.recordIncoming([incomingRow({ text: 'old' }), incomingRow({ text: 'in hand' }), incomingRow()])
    await processFirst(store, incomingLane())
    const { fence, message } = head(await store.claimIncoming(incomingLane(), 1))
    const command = await file.open('command')
    expect(await command.purge({ before: BEFORE, now: BEFORE, limit: 10 })).to.deep.include({ incoming: 1 })
    await store.finishIncoming([finished(fence, message)])
    expect(await command.purge({ before: BEFORE, now: BEFORE, limit: 10 })).to.deep.include({ incoming: 1 })
    await store.recordIncoming([incomingRow({ text: 'new' })])
    const { messages } = await store.claimIncoming(incomingLane(), 10)
    expect(messages.map(({ text }) => text)).to.deep.equal(['hello', 'new'])
  })
})
