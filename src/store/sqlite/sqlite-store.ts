import { type Lane, laneKey } from '../../messages/lane.ts'
import { StaleResultError } from '../errors.ts'
import type {
  AttemptResult,
  AttemptStart,
  Claim,
  ClaimedIncoming,
  ClaimedOutgoing,
  Fence,
  Finish,
  NewIncoming,
  NewOutgoing,
  NewReport,
  OpenLane,
  RecordedIncoming,
  ReportEffect,
  Store,
} from '../store.ts'
import { lockForServer, openDatabase, unavailable } from './database.ts'
import type { LaneCache } from './lane-cache.ts'
import { migrate } from './migrate.ts'
import type { OpenOutgoing } from './outgoing.ts'
import { SqliteSession } from './session.ts'

export interface SqliteStoreOptions {
  /** The database file, or `:memory:`. */
  readonly file: string
  /** A server works lanes and holds the file's lock; a command runs beside it. */
  readonly role: 'server' | 'command'
}

/** The embedded store: one file, one writer. */
export class SqliteStore implements Store {
  readonly #options: SqliteStoreOptions
  #session: SqliteSession | undefined
  #releaseLock = () => {}

  constructor(options: SqliteStoreOptions) {
    this.#options = options
  }

  async open(): Promise<readonly string[]> {
    if (this.#session !== undefined) return []
    const { file, role } = this.#options
    const lock = role === 'server' ? lockForServer(file) : { release: () => {} }
    try {
      const database = openDatabase(file)
      const migrated = await migrate(database)
      this.#session = new SqliteSession(database, file, role)
      this.#releaseLock = lock.release
      return migrated
    } catch (error) {
      lock.release()
      throw error
    }
  }

  async close(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    session?.close()
    this.#releaseLock()
    this.#releaseLock = () => {}
  }

  get #open(): SqliteSession {
    if (this.#session === undefined) throw unavailable(this.#options.file, new Error('it is not open'))
    return this.#session
  }

  get log() {
    return this.#open.log
  }

  get contacts() {
    return this.#open.people
  }

  get documents() {
    return this.#open.documents
  }

  get effects() {
    return this.#open.effects
  }

  async ping(): Promise<void> {
    const session = this.#open
    await session.commit.write(() => session.touch())
  }

  async recordIncoming(messages: readonly NewIncoming[]): Promise<readonly RecordedIncoming[]> {
    const { commit, incoming, incomingCache, seq } = this.#open
    return commit.write(
      () => messages.map((message) => incoming.record(message, seq.next)),
      (results) => {
        for (const { open } of results) if (open !== undefined) incomingCache.add(incomingKey(open), open)
      },
    )
  }

  async claimIncoming(lane: Lane, limit: number): Promise<Claim<ClaimedIncoming>> {
    const session = this.#open
    const key = laneKey(lane)
    return session.read(() => {
      const open = cached(session.incomingCache, key, limit, () => session.incoming.open(lane, limit))
      const contact = session.people.contactOf(lane.owner, lane.identity)
      return { fence: this.#fence(key), messages: open.map((message) => ({ ...message, contact })) }
    })
  }

  async finishIncoming(results: readonly Finish[]): Promise<void> {
    await Promise.all(results.map((result) => this.#finishIncoming(result)))
  }

  async #finishIncoming(result: Finish): Promise<void> {
    const { commit, incoming, outgoing, incomingCache, outgoingCache, seq } = this.#open
    const { lane } = result.fence
    try {
      await commit.write(
        () => {
          this.#checkFence(result.fence)
          incoming.finish(result)
          return result.outgoing.map((message) => outgoing.record(message, seq.next))
        },
        (recorded) => {
          if (result.outcome.kind === 'retry') incomingCache.forget(lane)
          else incomingCache.remove(lane, result.message.seq)
          addAll(outgoingCache, recorded)
        },
      )
    } catch (error) {
      incomingCache.forget(lane)
      throw error
    }
  }

  async recordOutgoing(messages: readonly NewOutgoing[]): Promise<void> {
    const { commit, outgoing, outgoingCache, seq } = this.#open
    await commit.write(
      () => messages.map((message) => outgoing.record(message, seq.next)),
      (recorded) => addAll(outgoingCache, recorded),
    )
  }

  async claimOutgoing(lane: Lane & { kind: 'outgoing' }, limit: number): Promise<Claim<ClaimedOutgoing>> {
    const session = this.#open
    const key = laneKey(lane)
    return session.read(() => {
      const open = cached(session.outgoingCache, key, limit, () => session.outgoing.open(lane, limit))
      const contact = open.length === 0 ? null : session.people.contactOf(lane.owner, lane.identity)
      const optedOut = contact !== null && contact.optedOutAt !== null
      return { fence: this.#fence(key), messages: open.map((message) => ({ ...message, optedOut })) }
    })
  }

  async startAttempts(attempts: readonly AttemptStart[]): Promise<void> {
    await Promise.all(attempts.map((attempt) => this.#startAttempt(attempt)))
  }

  async #startAttempt(attempt: AttemptStart): Promise<void> {
    const { commit, outgoing, outgoingCache } = this.#open
    try {
      await commit.write(() => {
        this.#checkFence(attempt.fence)
        outgoing.startAttempt(attempt)
      })
    } catch (error) {
      outgoingCache.forget(attempt.fence.lane)
      throw error
    }
  }

  async finishAttempts(results: readonly AttemptResult[]): Promise<void> {
    await Promise.all(results.map((result) => this.#finishAttempt(result)))
  }

  async #finishAttempt(result: AttemptResult): Promise<void> {
    const { commit, outgoing, outgoingCache } = this.#open
    const { lane } = result.fence
    try {
      await commit.write(
        () => {
          this.#checkFence(result.fence)
          outgoing.finishAttempt(result)
        },
        () => {
          if (result.outcome.kind === 'settled') outgoingCache.remove(lane, result.message.seq)
          else outgoingCache.forget(lane)
        },
      )
    } catch (error) {
      outgoingCache.forget(lane)
      throw error
    }
  }

  async settleAnswered(ids: readonly string[], at: number): Promise<readonly string[]> {
    const { commit, outgoing } = this.#open
    return commit.write(() => ids.filter((id) => outgoing.settleAnswered(id, at)))
  }

  async recordReports(reports: readonly NewReport[]): Promise<readonly ReportEffect[]> {
    const { commit, outgoing } = this.#open
    return commit.write(() => reports.map((report) => outgoing.report(report)))
  }

  async openLanes(kind: Lane['kind'], after: Lane | undefined, limit: number): Promise<readonly OpenLane[]> {
    const session = this.#open
    return session.read(() => (kind === 'incoming' ? session.incoming : session.outgoing).openLanes(after, limit))
  }

  async countOpenIncoming(): Promise<number> {
    const session = this.#open
    return session.read(() => session.incoming.count())
  }

  async replay(ids: readonly string[], at: number): Promise<readonly Lane[]> {
    const session = this.#open
    return session.commit.write(
      () => ids.flatMap((id) => session.incoming.replay(id) ?? session.outgoing.replay(id, at) ?? []),
      (lanes) => {
        for (const lane of lanes) session.forget(lane)
      },
    )
  }

  async nudge(lanes: readonly Lane[]): Promise<void> {
    const session = this.#open
    await session.commit.write(() => {
      for (const lane of lanes) session.nudge(lane)
    })
  }

  watch(listener: (lanes: readonly Lane[]) => void): void {
    this.#open.watch(listener)
  }

  #fence(lane: string): Fence {
    return { lane, token: this.#open.epoch }
  }

  #checkFence(fence: Fence): void {
    if (fence.token === this.#open.currentEpoch()) return
    throw new StaleResultError('Another server has taken over this database.')
  }
}

function cached<T extends { readonly seq: number }>(
  cache: LaneCache<T>,
  lane: string,
  limit: number,
  read: () => readonly T[],
): readonly T[] {
  const known = cache.first(lane, limit)
  if (known !== undefined) return known
  const rows = read()
  if (rows.length < limit) cache.learn(lane, rows)
  return rows
}

function incomingKey(message: { readonly backend: string; readonly identity: string }): string {
  return laneKey({ kind: 'incoming', owner: message.backend, identity: message.identity })
}

function addAll(cache: LaneCache<OpenOutgoing>, messages: readonly (OpenOutgoing | undefined)[]): void {
  for (const open of messages) {
    if (open === undefined) continue
    const lane = laneKey({ kind: 'outgoing', owner: open.backend, class: open.class, identity: open.identity })
    cache.add(lane, open)
  }
}
