import { setTimeout as pause } from 'node:timers/promises'
import type { Lane } from '../../messages/lane.ts'
import { StoreLockedError, TakenOverError } from '../errors.ts'
import { STATEMENT_LIMIT_MS } from './database.ts'
import { explained } from './faults.ts'
import { SERVER_LOCK } from './locks.ts'
import { CHANNEL, fromPayload } from './notices.ts'
import { endSession, openSession, rowsOf, type Session } from './session.ts'

/**
 * Which others may serve the same database: nobody (`exclusive`), those who share the work (`shared`). Commands take no
 * lock.
 */
export type ServerLock = 'exclusive' | 'shared' | 'none'

export interface LinkParts {
  readonly url: string
  readonly label: string
  readonly lock: ServerLock
}

const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 2_000
/** How often it is looked whether the connection still stands. */
const LOOK_INTERVAL_MS = 5_000
/** A server that was killed a moment ago may still seem to hold the lock. */
const LOCK_TRIES = 5
const LOCK_PAUSE_MS = 100

/** The operating systems give up a silent peer only after hours; then its lock would stand as long. */
const KEEP_ALIVE = 'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3'

interface Backend {
  pid: number
  started: string
}

/**
 * The one connection that stands as long as the store is open: it holds the server's lock, and hears of lanes that
 * other processes have nudged. Broken, it is made anew; what was nudged meanwhile is found by the router's sweep.
 */
export class Link {
  readonly #parts: LinkParts
  #client: Session | undefined
  #backend: Backend | undefined
  #listener: ((lanes: readonly Lane[]) => void) | undefined
  #takenOver: TakenOverError | undefined
  #closed = false
  #repairing = false
  #looker: NodeJS.Timeout | undefined

  constructor(parts: LinkParts) {
    this.#parts = parts
  }

  /**
   * @throws StoreLockedError when another server holds the lock
   * @throws StoreUnavailableError
   */
  async open(): Promise<void> {
    if (this.#parts.lock === 'none') return
    if (await this.#connect()) {
      this.#looker = setInterval(() => void this.#look(), LOOK_INTERVAL_MS).unref()
      return
    }
    throw new StoreLockedError(
      `Another Switchboard serves the database ${this.#parts.label} already. Stop it, give this one a database of its ` +
        'own by DATABASE_URL, or let both share the work through Redis.',
    )
  }

  /** @throws TakenOverError once it is known that another server works this database */
  check(): void {
    if (this.#takenOver !== undefined) throw this.#takenOver
  }

  watch(listener: (lanes: readonly Lane[]) => void): void {
    const isFirst = this.#listener === undefined
    this.#listener = listener
    if (!isFirst || this.#closed) return
    if (this.#client === undefined) this.#repair()
    else this.#client.query(`LISTEN ${CHANNEL}`).catch(() => this.#lost())
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#looker)
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) await endSession(client)
  }

  /** @returns false when another server holds the lock */
  async #connect(): Promise<boolean> {
    const { url, label } = this.#parts
    const client = await openSession(url, label, STATEMENT_LIMIT_MS)
    try {
      await client.query(KEEP_ALIVE)
      if (!(await this.#lock(client))) {
        await endSession(client)
        return false
      }
      client.on('notification', ({ payload = '' }) => {
        const lanes = fromPayload(payload)
        if (lanes.length > 0) this.#listener?.(lanes)
      })
      client.once('end', () => this.#lost())
      if (this.#listener !== undefined) await client.query(`LISTEN ${CHANNEL}`)
    } catch (error) {
      await endSession(client)
      throw explained(label, error)
    }
    if (this.#closed) await endSession(client)
    else this.#client = client
    return true
  }

  async #lock(client: Session): Promise<boolean> {
    const { lock } = this.#parts
    if (lock === 'none') return true
    const shared = lock === 'shared' ? '_shared' : ''
    const former = this.#backend
    for (let tries = 1; ; tries++) {
      const [row] = await rowsOf<Backend & { locked: boolean }>(
        client,
        `SELECT pg_try_advisory_lock${shared}(${SERVER_LOCK}) AS locked, pid, backend_start::text AS started
         FROM pg_stat_activity WHERE pid = pg_backend_pid()`,
      )
      if (row?.locked === true) {
        this.#backend = { pid: row.pid, started: row.started }
        return true
      }
      if (tries === LOCK_TRIES || this.#closed) return false
      // Our own connection from before, which the server has not noticed to be gone.
      if (former !== undefined) await endBackend(client, former)
      await pause(LOCK_PAUSE_MS)
    }
  }

  /** A connection may be dead without a word: the server frozen, the network cut. */
  async #look(): Promise<void> {
    const client = this.#client
    if (client === undefined) return
    try {
      await client.query('SELECT 1')
    } catch {
      void endSession(client)
      if (this.#client === client) this.#lost()
    }
  }

  #lost(): void {
    this.#client = undefined
    this.#repair()
  }

  #repair(): void {
    if (this.#repairing || this.#closed || this.#takenOver !== undefined) return
    this.#repairing = true
    void this.#connectAgain().finally(() => {
      this.#repairing = false
    })
  }

  async #connectAgain(): Promise<void> {
    for (let delay = FIRST_DELAY_MS; !this.#closed; delay = Math.min(2 * delay, LONGEST_DELAY_MS)) {
      await pause(delay, undefined, { ref: false })
      if (this.#closed) return
      try {
        if (await this.#connect()) return
        this.#takenOver = new TakenOverError('Another server works this database now. This one has stopped working it.')
        return
      } catch {
        // Still away.
      }
    }
  }
}

async function endBackend(client: Session, { pid, started }: Backend): Promise<void> {
  const text = `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2`
  await rowsOf(client, text, [pid, started])
}
