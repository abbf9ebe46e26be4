import { createRequire } from 'node:module'
import type pg from 'pg'

const load = createRequire(import.meta.url)

/** The driver, loaded with the first use: a server on SQLite starts without it. */
export function driver(): typeof pg {
  return load('pg')
}
