import Sqlite, { type Database } from 'better-sqlite3'
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { tempFolder } from './temp-folder.ts'

/** A database file of a test's own, the stores opened on it, and a way to look into it from outside. */
export interface SqliteFile {
  readonly file: string
  /** Opens a store on the file. */
  open(role?: 'server' | 'command'): Promise<SqliteStore>
  /** A connection that the stores do not know of. */
  outside(): Database
  /** Closes everything and removes the file. */
  remove(): Promise<void>
}

export function sqliteFile(): SqliteFile {
  const folder = tempFolder()
  const file = `${folder.path}/switchboard.db`
  const stores: SqliteStore[] = []
  const connections: Database[] = []
  return {
    file,
    async open(role = 'server') {
      const store = new SqliteStore({ file, role })
      await store.open()
      stores.push(store)
      return store
    },
    outside() {
      const connection = new Sqlite(file, { timeout: 1_000 })
      connections.push(connection)
      return connection
    },
    async remove() {
      for (const connection of connections) connection.close()
      await Promise.all(stores.map((store) => store.close()))
      folder.remove()
    },
  }
}
