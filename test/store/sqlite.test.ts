import { existsSync } from 'node:fs'
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { describeStore, type StoreHarness } from './conformance.ts'

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

async function inFile(): Promise<StoreHarness> {
  // In memory where the machine can: what a sync to disk costs is not what is tried here.
  const folder = tempFolder(existsSync('/dev/shm') ? '/dev/shm' : undefined)
  const current = { store: new SqliteStore({ file: `${folder.path}/switchboard.db`, role: 'server' }) }
  await current.store.open()
  return {
    get store() {
      return current.store
    },
    staleFence,
    async reopen() {
      await current.store.close()
      current.store = new SqliteStore({ file: `${folder.path}/switchboard.db`, role: 'server' })
      await current.store.open()
      return current.store
    },
    async close() {
      await current.store.close()
      folder.remove()
    },
  }
}

describeStore('SQLite in memory', inMemory, { reopen: 'a database in memory ends with its store' })
describeStore('SQLite in a file', inFile)
