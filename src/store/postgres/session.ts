import type pg from 'pg'
import { clientConfig, PLANS } from './database.ts'
import { driver } from './driver.ts'
import { notConnected } from './faults.ts'
import { toDatabase } from './texts.ts'

/** One connection of its own, outside the pool. */
export type Session = pg.Client

/** Runs work that takes its time, on a connection of its own. */
export type Cold = <T>(work: (client: Session) => Promise<T>) => Promise<T>

/**
 * Opens a connection.
 * @param limit milliseconds that a statement may take
 * @throws StoreUnavailableError
 */
export async function openSession(url: string, label: string, limit: number): Promise<Session> {
  const client = new (driver().Client)({ ...clientConfig(url), query_timeout: limit })
  // Whoever waits for a statement hears of it; a connection that breaks meanwhile must not end the process.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(PLANS)
    return client
  } catch (error) {
    await endSession(client)
    throw notConnected(label, error)
  }
}

/** Ends a connection, also one whose server does not answer any more. */
export async function endSession(client: Session, limit = 500): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const ended = client.end().catch(() => {})
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limit)
  })
  await Promise.race([ended, late])
  clearTimeout(timer)
  // The server may be frozen: then nobody else closes this end.
  client.connection?.stream.destroy()
}

/** The rows of a statement that is run once and needs no name. */
export async function rowsOf<Row extends pg.QueryResultRow>(
  client: Session,
  text: string,
  values: readonly (string | number | boolean | null | readonly string[])[] = [],
): Promise<Row[]> {
  const fit = values.map((value) => (typeof value === 'string' ? toDatabase(value) : value))
  return (await client.query<Row>(text, fit)).rows
}
