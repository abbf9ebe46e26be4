import { expect } from 'chai'
import { type SqliteFile, sqliteFile } from '../../support/sqlite-store.ts'
import { incomingRow, outgoingRow, T0 } from '../../support/store-rows.ts'
import { until } from '../../support/until.ts'

describe('what SQLite keeps beside the messages', () => {
  let file: SqliteFile

  beforeEach(() => {
    file = sqliteFile()
  })

  afterEach(() => file.remove())

  it('forgets windows that have ended', async () => {
    const store = await file.open()
    const window = { externalId: null, window: 1_000 }
    await store.recordIncoming([incomingRow({ ...window, identity: '1', receivedAt: T0 })])
    await store.recordIncoming([incomingRow({ ...window, identity: '2', receivedAt: T0 + 120_000 })])
    expect(file.outside().prepare('SELECT identity FROM content_windows').pluck().all()).to.deep.equal(['2'])
  })

  it('knows open windows after it was opened again, in a command too', async () => {
    const row = () => incomingRow({ externalId: null, window: 1_000, receivedAt: T0, text: 'once' })
    const first = await file.open()
    await first.recordIncoming([row()])
    await first.close()
    for (const role of ['command', 'server'] as const) {
      const store = await file.open(role)
      expect((await store.recordIncoming([row()])).map(({ duplicate }) => duplicate)).to.deep.equal([true])
      await store.close()
    }
  })

  it('enters a large send into the index of conversations without further traffic', async () => {
    const store = await file.open()
    await store.recordOutgoing(Array.from({ length: 10_000 }, (_, n) => outgoingRow({ identity: String(n) })))
    const count = file.outside().prepare('SELECT COUNT(*) FROM conversation').pluck()
    await until('nearly all are entered', () => Number(count.get()) > 10_000 - 1_024)
  })
})
