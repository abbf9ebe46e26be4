import type { Database } from 'better-sqlite3'
import type { Lane } from '../../messages/lane.ts'
import { laneKey } from '../../messages/lane.ts'
import { TakenOverError } from '../errors.ts'
import { SqliteBroadcasts } from './broadcasts.ts'
import { SqliteCallbacks } from './callbacks.ts'
import { ContentWindows } from './content-windows.ts'
import { ConversationIndex } from './conversation-index.ts'
import { IN_MEMORY, isUnavailable, openReader, unavailable } from './database.ts'
import { SqliteDirectory } from './directory.ts'
import { type CommitHooks, GroupCommit } from './group-commit.ts'
import { IncomingRows, type OpenIncoming } from './incoming.ts'
import { type OutgoingRecorder, SqliteKeyedSends } from './keyed-sends.ts'
import { LaneCache } from './lane-cache.ts'
import { SqliteListing } from './listing.ts'
import { SqliteMemory } from './memory.ts'
import { SqliteMessageLog } from './message-log.ts'
import { SqliteOutbox } from './outbox.ts'
import { type OpenOutgoing, OutgoingRows } from './outgoing.ts'
import { SqliteParts } from './parts.ts'
import { SqlitePauses } from './pauses.ts'
import { SqliteDocuments, SqliteEffects, SqlitePeople } from './people.ts'
import { Purge } from './purge.ts'
import { SqliteRoutes } from './routes.ts'
import { SeqCounter } from './seq-counter.ts'
import { SqliteStateChecks } from './state-checks.ts'
import { SqliteTemplates } from './templates.ts'
import { SqliteTraffic } from './traffic.ts'
import { SqliteUsage } from './usage.ts'
import { SqliteWaiting } from './waiting.ts'

const WATCH_INTERVAL_MS = 200
const PAGE_OF_LANES = 10_000
/** Measured: a commit costs by the pages that it changes, and messages that share it share most of those. */
const COMMIT_PAUSE_MS = 2

/** All that stands on one open database: its connections, its prepared statements, its caches. */
export class SqliteSession {
  readonly seq: SeqCounter
  readonly commit: GroupCommit
  readonly people: SqlitePeople
  readonly incoming: IncomingRows
  readonly outgoing: OutgoingRows
  readonly purge: Purge
  readonly incomingCache = new LaneCache<OpenIncoming>()
  readonly outgoingCache = new LaneCache<OpenOutgoing>()
  readonly directory: SqliteDirectory
  readonly documents: SqliteDocuments
  readonly effects: SqliteEffects
  readonly parts: SqliteParts
  readonly outbox: SqliteOutbox
  readonly routes: SqliteRoutes
  readonly memory: SqliteMemory
  readonly templates: SqliteTemplates
  readonly pauses: SqlitePauses
  readonly waiting: SqliteWaiting
  readonly usage: SqliteUsage
  readonly traffic: SqliteTraffic
  readonly listing: SqliteListing
  readonly broadcasts: SqliteBroadcasts
  readonly stateChecks: SqliteStateChecks
  readonly recorder: OutgoingRecorder
  readonly keyed: SqliteKeyedSends
  readonly callbacks: SqliteCallbacks
  readonly log: SqliteMessageLog
  /** The number of this server's start; 0 in a command, which may not work lanes. */
  readonly epoch: number
  readonly #database: Database
  readonly #reader: Database
  readonly #statements
  #epochRead = { transaction: -1, value: 0 }
  readonly #role: 'server' | 'command'
  #seenByCommits: number
  #seenByWatch: number
  #watcher: NodeJS.Timeout | undefined
  #takenOver = false

  constructor(database: Database, file: string, role: 'server' | 'command') {
    this.#database = database
    this.#reader = file === IN_MEMORY ? database : openReader(file)
    this.#statements = prepare(database)
    this.#role = role
    // From before the backlog is read: what others commit meanwhile is noticed later.
    this.#seenByCommits = this.#dataVersion()
    this.#seenByWatch = this.#seenByCommits
    this.seq = new SeqCounter(database)
    this.people = new SqlitePeople(database)
    const windows = new ContentWindows(database, role === 'server')
    const hooks: CommitHooks = {
      began: () => {
        windows.began()
        this.#noticeOthers()
      },
      undone: () => {
        windows.undone()
        this.people.forget()
      },
    }
    this.commit = new GroupCommit(database, this.seq, hooks, file === IN_MEMORY ? 0 : COMMIT_PAUSE_MS)
    this.incoming = new IncomingRows(database, this.people, windows)
    this.outgoing = new OutgoingRows(database, this.people, windows)
    this.purge = new Purge(database)
    const conversations = new ConversationIndex(database, this.commit)
    this.seq.onCommit((seq) => conversations.reached(seq))
    this.directory = new SqliteDirectory({ database, reader: this.#reader, commit: this.commit, people: this.people })
    this.documents = new SqliteDocuments(database)
    this.effects = new SqliteEffects(database, this.commit)
    this.parts = new SqliteParts(database, this.commit)
    this.outbox = new SqliteOutbox(database, this.commit)
    this.routes = new SqliteRoutes(this)
    this.memory = new SqliteMemory(database, this.commit)
    this.templates = new SqliteTemplates(database, this.commit)
    this.pauses = new SqlitePauses(database, this.commit)
    this.waiting = new SqliteWaiting({ database, reader: this.#reader, commit: this.commit, cache: this.outgoingCache })
    this.usage = new SqliteUsage(database, this.commit)
    this.traffic = new SqliteTraffic(this.#reader)
    this.listing = new SqliteListing(this.#reader)
    this.stateChecks = new SqliteStateChecks(database, this.#reader, this.commit)
    this.recorder = this.#recorder()
    this.keyed = new SqliteKeyedSends(database, this.commit, this.recorder)
    this.broadcasts = new SqliteBroadcasts({
      ...{ database, reader: this.#reader, commit: this.commit, recorder: this.recorder, cache: this.outgoingCache },
      checkEpoch: () => this.currentEpoch(),
    })
    this.callbacks = new SqliteCallbacks(database, this.commit)
    if (role === 'server') this.callbacks.freeLeases()
    this.log = new SqliteMessageLog(this.#reader)
    this.epoch = role === 'server' ? (this.#statements.nextEpoch.get()?.value ?? 0) : 0
    if (role === 'server') this.#forgetBacklog()
  }

  /**
   * Runs a read on the writing connection; an error of the disk becomes one of the store.
   * @throws TakenOverError once it is known that another server works this database
   */
  read<T>(read: () => T): T {
    if (this.#takenOver) throw takenOver()
    try {
      return read()
    } catch (error) {
      throw isUnavailable(error) ? unavailable(this.#database.name, error) : error
    }
  }

  /**
   * The epoch in force, read once in each transaction.
   * @throws TakenOverError when it is that of another server
   */
  currentEpoch(): number {
    const { transaction } = this.commit
    if (this.#epochRead.transaction !== transaction) {
      this.#epochRead = { transaction, value: this.#statements.epoch.get()?.value ?? 0 }
    }
    const { value } = this.#epochRead
    this.#takenOver = this.#role === 'server' && value !== this.epoch
    if (this.#takenOver) throw takenOver()
    return value
  }

  #recorder(): OutgoingRecorder {
    return {
      record: (messages) =>
        messages.map((message) => {
          const open = this.outgoing.record(message, this.seq.next)
          if (open !== undefined) this.tell(laneOf(open))
          return open
        }),
      committed: (recorded) => {
        for (const open of recorded) if (open !== undefined) this.outgoingCache.add(laneKey(laneOf(open)), open)
      },
    }
  }

  /** A write that nothing depends on, to learn whether writing works. */
  touch(): void {
    this.#statements.touch.run()
  }

  nudge(lane: Lane): void {
    this.#statements.nudge.run(JSON.stringify(lane))
  }

  /** Leaves word of a lane within the transaction that gave it work, where a server beside this command works it. */
  tell(lane: Lane): void {
    if (this.#role === 'command') this.nudge(lane)
  }

  forget(lane: Lane): void {
    const cache = lane.kind === 'incoming' ? this.incomingCache : this.outgoingCache
    cache.forget(laneKey(lane))
  }

  /** Looks for what other processes have committed; SQLite counts their commits in `data_version`. */
  watch(listener: (lanes: readonly Lane[]) => void): void {
    if (this.#database.name === IN_MEMORY) return
    clearInterval(this.#watcher)
    this.#watcher = setInterval(() => {
      const version = this.#dataVersion()
      if (version === this.#seenByWatch) return
      this.#seenByWatch = version
      this.people.forget()
      void this.#takeNudges(listener)
    }, WATCH_INTERVAL_MS)
    this.#watcher.unref()
  }

  close(): void {
    clearInterval(this.#watcher)
    this.commit.flush()
    if (this.#reader !== this.#database) this.#reader.close()
    this.#database.close()
  }

  async #takeNudges(listener: (lanes: readonly Lane[]) => void): Promise<void> {
    try {
      const rows = await this.commit.write(() => {
        this.currentEpoch()
        return this.#statements.takeNudges.all()
      })
      const lanes = [...new Set(rows.map((row) => row.lane))].map((lane) => JSON.parse(lane) as Lane)
      for (const lane of lanes) this.forget(lane)
      if (lanes.length > 0) listener(lanes)
    } catch {
      // The nudges are still there: looked for again next time.
      this.#seenByWatch = -1
      // Unless they are another server's now.
      if (this.#takenOver) clearInterval(this.#watcher)
    }
  }

  /**
   * What other processes have recorded since is not in the caches. Told before anything of this transaction is added
   * to them, so that no message of ours gets before one of theirs.
   */
  #noticeOthers(): void {
    if (this.#role === 'command' || this.#database.name === IN_MEMORY) return
    const version = this.#dataVersion()
    if (version === this.#seenByCommits) return
    this.#seenByCommits = version
    this.people.forget()
    for (const { lane } of this.#statements.nudges.all()) this.forget(JSON.parse(lane) as Lane)
  }

  #dataVersion(): number {
    try {
      return this.#statements.dataVersion.get()?.data_version ?? 0
    } catch {
      return -1
    }
  }

  /** What an earlier server left unfinished is not in the caches. */
  #forgetBacklog(): void {
    for (const rows of [this.incoming, this.outgoing]) {
      let after: Lane | undefined
      do {
        const page = rows.openLanes(after, PAGE_OF_LANES)
        for (const { lane } of page) this.forget(lane)
        after = page.length === PAGE_OF_LANES ? page.at(-1)?.lane : undefined
      } while (after !== undefined)
    }
  }
}

function laneOf({ backend, class: messageClass, identity }: OpenOutgoing): Lane {
  return { kind: 'outgoing', owner: backend, class: messageClass, identity }
}

function takenOver(): TakenOverError {
  return new TakenOverError('Another server works this database now. This one has stopped working it.')
}

function prepare(database: Database) {
  return {
    nextEpoch: database.prepare<[], { value: number }>(
      `UPDATE counters SET value = value + 1 WHERE name = 'epoch' RETURNING value`,
    ),
    epoch: database.prepare<[], { value: number }>(`SELECT value FROM counters WHERE name = 'epoch'`),
    // The value has to change: SQLite writes nothing where a row stays as it is.
    touch: database.prepare(
      `INSERT INTO counters VALUES ('touched', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1`,
    ),
    nudge: database.prepare('INSERT INTO nudges (lane) VALUES (?)'),
    nudges: database.prepare<[], { lane: string }>('SELECT lane FROM nudges'),
    takeNudges: database.prepare<[], { lane: string }>('DELETE FROM nudges RETURNING lane'),
    dataVersion: database.prepare<[], { data_version: number }>('PRAGMA data_version'),
  }
}
