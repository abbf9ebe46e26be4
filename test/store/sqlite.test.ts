import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { StaleResultError } from '../../src/store/errors.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { ThreadedSqliteStore } from '../../src/store/sqlite/threaded-store.ts'
import type { Store } from '../../src/store/store.ts'
import { builtCommand } from '../support/built.ts'
import { isLong } from '../support/long-tests.ts'
import { rejection } from '../support/rejection.ts'
import { finished, head, incomingLane, incomingRow } from '../support/store-rows.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { describeStore, type StoreHarness } from './conformance.ts'

const BUILD_LIMIT_MS = 60_000

// A server's fence is the number of its start; the one before it is over.
const staleFence: StoreHarness['staleFence'] = ({ lane, token }) => ({ lane, token: token - 1 })

async function inMemory(): Promise<StoreHarness> {
  const store = new SqliteStore({ file: ':memory:', role: 'server' })
  await store.open()
  return {
    store,
    staleFence,
    reopen: () => Promise.reject(new Error('it is gone')),
    close: () => store.close(),
  }
}

async function inFile(makeStore: (file: string) => Store): Promise<StoreHarness> {
  // In memory where the machine can: what a sync to disk costs is not what is tried here.
  const folder = tempFolder(existsSync('/dev/shm') ? '/dev/shm' : undefined)
  const file = `${folder.path}/switchboard.db`
  const current = { store: makeStore(file) }
  await current.store.open()
  return {
    get store() {
      return current.store
    },
    staleFence,
    async reopen() {
      await current.store.close()
      current.store = makeStore(file)
      await current.store.open()
      return current.store
    },
    async close() {
      await current.store.close()
      folder.remove()
    },
  }
}

// A thread does not take over the loader of TypeScript that its process was started with.
const program = () => pathToFileURL(join(dirname(builtCommand()), '..', 'chunks', 'store-thread.js'))

describeStore('SQLite in memory', inMemory, { reopen: 'a database in memory ends with its store' })
describeStore('SQLite in a file', () => inFile((file) => new SqliteStore({ file, role: 'server' })))

const inThread = () => inFile((file) => new ThreadedSqliteStore(file, program()))

describe('SQLite in a thread', () => {
  before(function () {
    this.timeout(BUILD_LIMIT_MS)
    builtCommand()
  })

  it('keeps what it is given, tells errors by their classes, and opens again', async () => {
    const harness = await inThread()
    try {
      const row = incomingRow({ externalId: 'x', fields: { a: [1, null] } })
      expect(await harness.store.recordIncoming([row])).to.deep.equal([{ id: row.id, duplicate: false }])
      const { fence, message } = head(await harness.store.claimIncoming(incomingLane(), 1))
      expect(message).to.deep.include({ id: row.id, fields: { a: [1, null] } })
      const stale = await harness.staleFence(fence)
      const refused = await rejection(harness.store.finishIncoming([finished(stale, message)]))
      expect(refused).to.be.instanceOf(StaleResultError)
      await harness.store.effects.put('m', 'k', undefined, 0)
      expect((await harness.store.effects.get('m', 'k'))?.result).to.equal(undefined)
      expect(await harness.store.log.find('nobody')).to.equal(undefined)
      const reopened = await harness.reopen()
      expect(await reopened.log.find(row.id)).to.deep.include({ id: row.id })
    } finally {
      await harness.close()
    }
  })

  if (isLong) describeStore('SQLite in a thread', inThread)
  else it('keeps to all rows of the suite [skipped: takes minutes; SWITCHBOARD_LONG_TESTS=true runs it]')
})
