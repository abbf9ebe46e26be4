import { type Clock, systemClock } from '../../messages/clock.ts'
import type { Lane } from '../../messages/lane.ts'
import type { Claim } from '../fence.ts'
import type { ClaimedIncoming, Finish, NewIncoming, RecordedIncoming } from '../incoming-records.ts'
import type {
  AttemptResult,
  AttemptStart,
  NewOutgoing,
  NewReport,
  OutgoingClaim,
  ReportEffect,
} from '../outgoing-records.ts'
import type { OpenLane, Purged, PurgeRequest, Store } from '../store.ts'
import { PostgresBroadcasts } from './broadcasts.ts'
import { PostgresCallbacks } from './callbacks.ts'
import { Claims } from './claims.ts'
import { PostgresDatabase, type Statement } from './database.ts'
import { PostgresDirectory } from './directory.ts'
import { explained, unavailable } from './faults.ts'
import { GroupCommit } from './group-commit.ts'
import { PostgresKeyedSends } from './keyed-sends.ts'
import { kyselyOver } from './kysely.ts'
import { Link, type ServerLock } from './link.ts'
import { PostgresListing } from './listing.ts'
import { PostgresMemory } from './memory.ts'
import { PostgresMessageLog } from './message-log.ts'
import { migrate } from './migrate.ts'
import { notifyLanes } from './notices.ts'
import { countOpenIncoming, openLanes } from './open-lanes.ts'
import { PostgresOutbox } from './outbox.ts'
import { addPartitions } from './partitions.ts'
import { PostgresParts } from './parts.ts'
import { PostgresPauses } from './pauses.ts'
import { type PeopleTables, PostgresContacts, PostgresDocuments, PostgresEffects } from './people.ts'
import { Purge } from './purge.ts'
import { replay } from './replay.ts'
import { PostgresRoutes } from './routes.ts'
import { type Cold, endSession, openSession, type Session } from './session.ts'
import { PostgresStateChecks } from './state-checks.ts'
import { PostgresTemplates } from './templates.ts'
import { PostgresTraffic } from './traffic.ts'
import { PostgresUsage } from './usage.ts'
import { PostgresWaiting } from './waiting.ts'

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string
  /** A server works lanes; a command runs beside servers and leaves them word of what it records. */
  readonly role: 'server' | 'command'
  /** Which other servers may work the same database; `exclusive` for a server unless said otherwise, none for a command. */
  readonly lock?: ServerLock
  /** The time for which partitions are made. */
  readonly clock?: Clock
  /** Connections at the most, besides the one that stands for the lock. */
  readonly poolSize?: number
}

const POOL_SIZE = 10
/** Migrations, partitions and purging may take this long; nobody waits for them on the way of a message. */
const COLD_LIMIT_MS = 120_000

/** The value has to change: an update to the same value might be answered by a server that cannot write. */
const TOUCH: Statement = {
  name: 'touch',
  text: `INSERT INTO counters AS c VALUES ('touched', 1) ON CONFLICT (name) DO UPDATE SET value = c.value + 1`,
}

interface Open {
  readonly database: PostgresDatabase
  readonly commit: GroupCommit
  readonly claims: Claims
  readonly link: Link
  readonly log: PostgresMessageLog
  readonly contacts: PostgresContacts
  readonly directory: PostgresDirectory
  readonly documents: PostgresDocuments
  readonly effects: PostgresEffects
  readonly parts: PostgresParts
  readonly outbox: PostgresOutbox
  readonly routes: PostgresRoutes
  readonly memory: PostgresMemory
  readonly stateChecks: PostgresStateChecks
  readonly pauses: PostgresPauses
  readonly waiting: PostgresWaiting
  readonly usage: PostgresUsage
  readonly traffic: PostgresTraffic
  readonly listing: PostgresListing
  readonly templates: PostgresTemplates
  readonly broadcasts: PostgresBroadcasts
  readonly keyed: PostgresKeyedSends
  readonly callbacks: PostgresCallbacks
}

/** The store on PostgreSQL: any number of processes, on any number of machines. */
export class PostgresStore implements Store {
  readonly #options: PostgresStoreOptions
  readonly #purge = new Purge()
  #opened: Open | undefined

  constructor(options: PostgresStoreOptions) {
    this.#options = options
  }

  /**
   * @throws StoreUnavailableError, MigrationError
   * @throws StoreLockedError when another server works the database and does not share it
   */
  async open(): Promise<readonly string[]> {
    if (this.#opened !== undefined) return []
    const { url, role, lock = role === 'server' ? 'exclusive' : 'none', poolSize = POOL_SIZE } = this.#options
    const database = new PostgresDatabase(url, poolSize)
    const link = new Link({ url, label: database.label, lock })
    try {
      await link.open()
      const migrated = await this.#cold(database.label, async (client) => {
        const names = await migrate(client)
        if (role === 'server') await addPartitions(client, this.#now())
        return names
      })
      const cold: Cold = (work) => this.#cold(database.label, work)
      this.#opened = parts(database, link, role, cold)
      return migrated
    } catch (error) {
      await link.close()
      await database.end()
      throw explained(database.label, error)
    }
  }

  async close(): Promise<void> {
    const opened = this.#opened
    if (opened === undefined) return
    this.#opened = undefined
    await Promise.all([opened.commit.flush(), opened.claims.flush()])
    await opened.link.close()
    await opened.database.end()
  }

  get #open(): Open {
    if (this.#opened === undefined) throw unavailable('of this store', new Error('it is not open'))
    return this.#opened
  }

  /** What only who works the lanes may do. */
  get #working(): Open {
    const opened = this.#open
    opened.link.check()
    return opened
  }

  get log() {
    return this.#open.log
  }

  get contacts() {
    return this.#open.contacts
  }

  get directory() {
    return this.#open.directory
  }

  get documents() {
    return this.#open.documents
  }

  get effects() {
    return this.#open.effects
  }

  get parts() {
    return this.#open.parts
  }

  get outbox() {
    return this.#open.outbox
  }

  get routes() {
    return this.#open.routes
  }

  get memory() {
    return this.#open.memory
  }

  get stateChecks() {
    return this.#open.stateChecks
  }

  get pauses() {
    return this.#open.pauses
  }

  get waiting() {
    return this.#open.waiting
  }

  get usage() {
    return this.#open.usage
  }

  get traffic() {
    return this.#open.traffic
  }

  get listing() {
    return this.#open.listing
  }

  get templates() {
    return this.#open.templates
  }

  get broadcasts() {
    return this.#open.broadcasts
  }

  get keyed() {
    return this.#open.keyed
  }

  get callbacks() {
    return this.#open.callbacks
  }

  async ping(): Promise<void> {
    await this.#open.database.query(TOUCH, [])
  }

  async recordIncoming(messages: readonly NewIncoming[]): Promise<readonly RecordedIncoming[]> {
    return this.#open.commit.write({ kind: 'incoming', messages })
  }

  async claimIncoming(lane: Lane, limit: number): Promise<Claim<ClaimedIncoming>> {
    return this.#working.claims.incoming(lane, limit)
  }

  async finishIncoming(results: readonly Finish[]): Promise<void> {
    const { commit } = this.#working
    await Promise.all(results.map((result) => commit.write({ kind: 'finish', result })))
  }

  async recordOutgoing(messages: readonly NewOutgoing[]): Promise<void> {
    await this.#open.commit.write({ kind: 'outgoing', messages })
  }

  async claimOutgoing(lane: Lane & { kind: 'outgoing' }, limit: number, now: number): Promise<OutgoingClaim> {
    return this.#working.claims.outgoing(lane, limit, now)
  }

  async startAttempts(attempts: readonly AttemptStart[]): Promise<void> {
    const { commit } = this.#working
    await Promise.all(attempts.map((result) => commit.write({ kind: 'start', result })))
  }

  async finishAttempts(results: readonly AttemptResult[]): Promise<void> {
    const { commit } = this.#working
    await Promise.all(results.map((result) => commit.write({ kind: 'attempt', result })))
  }

  async settleAnswered(ids: readonly string[], at: number): Promise<readonly string[]> {
    return this.#open.commit.write({ kind: 'answered', ids, at })
  }

  async recordReports(reports: readonly NewReport[]): Promise<readonly ReportEffect[]> {
    return this.#open.commit.write({ kind: 'reports', reports })
  }

  async openLanes(kind: Lane['kind'], after: Lane | undefined, limit: number): Promise<readonly OpenLane[]> {
    return openLanes(this.#working.database, kind, after, limit)
  }

  async countOpenIncoming(): Promise<number> {
    return countOpenIncoming(this.#working.database)
  }

  async replay(ids: readonly string[], at: number): Promise<readonly Lane[]> {
    return this.#open.database.transaction(async (run) => {
      const lanes = await replay(run, ids, at)
      if (this.#options.role === 'command') await notifyLanes(run, lanes)
      return lanes
    })
  }

  async purge(request: PurgeRequest): Promise<Purged> {
    const { label } = this.#open.database
    return this.#cold(label, async (client) => {
      if (this.#options.role === 'server') await addPartitions(client, this.#now())
      return this.#purge.batch(client, request, Date.now())
    })
  }

  async nudge(lanes: readonly Lane[]): Promise<void> {
    await this.#open.database.transaction((run) => notifyLanes(run, lanes))
  }

  watch(listener: (lanes: readonly Lane[]) => void): void {
    this.#open.link.watch(listener)
  }

  #now(): number {
    return (this.#options.clock ?? systemClock).now()
  }

  /** Work that takes its time, on a connection of its own. */
  async #cold<T>(label: string, work: (client: Session) => Promise<T>): Promise<T> {
    const client = await openSession(this.#options.url, label, COLD_LIMIT_MS)
    try {
      return await work(client)
    } catch (error) {
      throw explained(label, error)
    } finally {
      await endSession(client)
    }
  }
}

function parts(database: PostgresDatabase, link: Link, role: 'server' | 'command', cold: Cold): Open {
  const db = kyselyOver<PeopleTables>(() => database.connect())
  const commit = new GroupCommit(database, role === 'command')
  return {
    database,
    link,
    commit,
    claims: new Claims(database),
    log: new PostgresMessageLog(db),
    contacts: new PostgresContacts(db),
    directory: new PostgresDirectory({ database, db, cold }),
    documents: new PostgresDocuments(db),
    effects: new PostgresEffects(db),
    parts: new PostgresParts(database),
    outbox: new PostgresOutbox(database),
    routes: new PostgresRoutes(database),
    memory: new PostgresMemory(database),
    stateChecks: new PostgresStateChecks(database),
    pauses: new PostgresPauses(database),
    waiting: new PostgresWaiting(database),
    usage: new PostgresUsage(database),
    traffic: new PostgresTraffic(database),
    listing: new PostgresListing(db),
    templates: new PostgresTemplates(database),
    broadcasts: new PostgresBroadcasts({ database, cold, tells: role === 'command' }),
    keyed: new PostgresKeyedSends(database, commit),
    callbacks: new PostgresCallbacks(database, cold),
  }
}
