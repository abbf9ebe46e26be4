import { expect } from 'chai'
import { Retention } from '../../src/router/retention.ts'
import type { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { PurgeRequest } from '../../src/store/store.ts'
import { type LogLine, recordedLogger } from '../../src/testing/recorded-logger.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'
import { type SqliteFile, sqliteFile } from '../support/sqlite-store.ts'
import { outgoingRow } from '../support/store-rows.ts'
import { until } from '../support/until.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

describe('retention', () => {
  let file: SqliteFile
  let store: SqliteStore
  let clock: FakeClock
  let requests: PurgeRequest[]
  let lines: LogLine[]
  let done: number
  let asked: () => void
  let retention: Retention

  beforeEach(async () => {
    file = sqliteFile()
    store = await file.open()
    clock = new FakeClock()
    requests = []
    lines = []
    done = 0
    asked = () => {}
    retention = keeping(30)
  })

  afterEach(async () => {
    await retention.stop()
    await file.remove()
  })

  const keeping = (days: number | undefined) =>
    new Retention({
      settings: { days },
      store: {
        async purge(request) {
          requests.push(request)
          asked()
          const purged = await store.purge(request)
          done++
          return purged
        },
      },
      clock,
      logger: recordedLogger(lines),
    })
  const finished = (count: number, createdAt: number) =>
    store.recordOutgoing(
      Array.from({ length: count }, () => outgoingRow({ createdAt, state: 'CANCELLED', reason: 'no' })),
    )
  const left = async () => (await store.log.counts()).outgoing
  /** The clock goes on in small steps until it is so. */
  const inTime = (what: string, isSo: () => Promise<boolean> | boolean, step = 50) =>
    until(what, async () => {
      await clock.advance(step)
      return await isSo()
    })

  it('removes what has been kept for its days, a while after the start, and says how much', async () => {
    await finished(3, clock.now() - 31 * DAY)
    await finished(2, clock.now() - 29 * DAY)
    retention.start()
    await clock.advance(MINUTE - 1)
    expect(requests).to.deep.equal([])
    await inTime('a line in the log', () => lines.length > 0)
    expect(await left()).to.equal(2)
    expect(lines).to.have.length(1)
    expect(lines[0]).to.deep.include({ level: 'info', message: 'removed old messages' })
    expect(lines[0]?.fields['messages']).to.equal(3)
  })

  it('does so again every hour, by the time that it is then', async () => {
    await finished(1, clock.now() - 30 * DAY + 2 * HOUR)
    retention.start()
    await inTime('a first run', () => requests.length === 1, MINUTE)
    await until('its end', () => clock.timers === 1)
    await clock.advance(HOUR - 1)
    expect(requests).to.have.length(1)
    await inTime('it is removed', async () => (await left()) === 0, HOUR / 2)
    const [first, second] = requests
    expect((second?.before ?? 0) - (first?.before ?? 0)).to.be.at.least(HOUR)
  })

  it('takes small batches, and none without a pause before it', async () => {
    await finished(900, clock.now() - 31 * DAY)
    retention.start()
    await inTime('the first batch', async () => (await left()) < 900, MINUTE)
    await until('the pause', () => clock.timers === 1)
    const { length } = requests
    expect(await left()).to.equal(900 - 200 * length)
    for (let turn = 0; turn < 20; turn++) await settle()
    expect(requests).to.have.length(length)
    await inTime('all are removed', async () => (await left()) === 0)
    expect(requests.length).to.be.greaterThan(3)
    expect(new Set(requests.map(({ before }) => before)).size).to.equal(1)
  })

  it('waits for nothing where messages are kept for ever', async () => {
    retention = keeping(undefined)
    await finished(1, 0)
    retention.start()
    expect(clock.timers).to.equal(0)
    await clock.advance(2 * HOUR)
    expect(requests).to.deep.equal([])
  })

  it('goes on an hour after the store has failed, and says that it failed', async () => {
    await finished(1, 0)
    await store.close()
    retention.start()
    await inTime('an error in the log', () => lines.length > 0, MINUTE)
    expect(lines).to.have.length(1)
    expect(lines[0]?.level).to.equal('error')
    await store.open()
    await inTime('it is removed', async () => (await left()) === 0, HOUR)
  })

  it('waits at its stop for the batch in hand', async () => {
    await finished(300, 0)
    retention.start()
    const begun = new Promise<void>((resolve) => {
      asked = resolve
    })
    void clock.advance(MINUTE)
    await begun
    expect(done).to.equal(0)
    await Promise.all([retention.stop(), retention.stop()])
    expect(done).to.equal(1)
    await store.close()
    expect(lines.map(({ level }) => level)).to.deep.equal(['info'])
  })

  it('removes nothing more once it is stopped, and can be started again', async () => {
    await finished(900, 0)
    retention.start()
    retention.start()
    await inTime('the first batch', async () => (await left()) < 900, MINUTE)
    await retention.stop()
    const atStop = await left()
    expect(atStop).to.be.greaterThan(0)
    expect(clock.timers).to.equal(0)
    await retention.stop()
    await clock.advance(2 * HOUR)
    expect(await left()).to.equal(atStop)
    retention.start()
    await inTime('all are removed', async () => (await left()) === 0, MINUTE)
  })
})
