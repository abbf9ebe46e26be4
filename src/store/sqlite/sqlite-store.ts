import type { Database } from 'better-sqlite3'
import type { Connection } from '../../messages/incoming.ts'
import { type Lane, laneKey } from '../../messages/lane.ts'
import { StaleResultError } from '../errors.ts'
import type { Claim, Fence } from '../fence.ts'
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
import { isUnavailable, lockForServer, openDatabase, unavailable } from './database.ts'
import type { LaneCache } from './lane-cache.ts'
import { migrate } from './migrate.ts'
import type { OpenOutgoing } from './outgoing.ts'
import { claimOpen } from './outgoing-claims.ts'
import type { Settled } from './report-rows.ts'
import { SqliteSession } from './session.ts'
import { wellFormed } from './well-formed.ts'

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
    let database: Database | undefined
    try {
      database = openDatabase(file)
      const migrated = await migrate(database)
      this.#session = new SqliteSession(database, file, role)
      this.#releaseLock = lock.release
      return migrated
    } catch (error) {
      database?.close()
      lock.release()
      throw isUnavailable(error) ? unavailable(file, error) : error
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

  get templates() {
    return this.#open.templates
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

  get broadcasts() {
    return this.#open.broadcasts
  }

  get stateChecks() {
    return this.#open.stateChecks
  }

  get keyed() {
    return this.#open.keyed
  }

  get callbacks() {
    return this.#open.callbacks
  }

  async ping(): Promise<void> {
    const session = this.#open
    await session.commit.write(() => session.touch())
  }

  async recordIncoming(messages: readonly NewIncoming[]): Promise<readonly RecordedIncoming[]> {
    const session = this.#open
    const { commit, incoming, incomingCache, seq } = session
    const recorded = await commit.write(
      () =>
        messages.map((message) => {
          const result = incoming.record(message, seq.next)
          if (result.open !== undefined) session.tell(incomingLane(result.open))
          return result
        }),
      (results) => {
        for (const { open } of results) if (open !== undefined) incomingCache.add(laneKey(incomingLane(open)), open)
      },
    )
    return recorded.map(({ id, duplicate }) => ({ id, duplicate }))
  }

  async claimIncoming(lane: Lane, limit: number): Promise<Claim<ClaimedIncoming>> {
    const session = this.#open
    const key = laneKey(lane)
    return session.read(() => {
      const open = cached(session.incomingCache, key, limit, () => session.incoming.open(lane, limit))
      const contact = session.people.contactOf(lane.owner, lane.identity.toWellFormed())
      return { fence: this.#fence(key), messages: open.map((message) => ({ ...message, contact })) }
    })
  }

  async finishIncoming(results: readonly Finish[]): Promise<void> {
    await forEach(results, (result) => this.#finishIncoming(result))
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
    const session = this.#open
    const { commit, recorder } = session
    await commit.write(
      () => recorder.record(messages),
      (recorded) => recorder.committed(recorded),
    )
  }

  async claimOutgoing(lane: Lane & { kind: 'outgoing' }, limit: number, now: number): Promise<OutgoingClaim> {
    const session = this.#open
    return session.read(() => {
      const { open, dueAt, isAll } = claimOpen(session.outgoing, session.outgoingCache, lane, limit, now)
      const contact = open.length === 0 ? null : session.people.contactOf(lane.owner, lane.identity.toWellFormed())
      const optedOut = contact !== null && contact.optedOutAt !== null
      const timeZone = contact?.timeZone ?? null
      const messages = open.map((message) => ({ ...message, optedOut, timeZone }))
      return { fence: this.#fence(laneKey(lane)), messages, dueAt, isAll }
    })
  }

  async startAttempts(attempts: readonly AttemptStart[]): Promise<void> {
    await forEach(attempts, (attempt) => this.#startAttempt(attempt))
  }

  async #startAttempt(attempt: AttemptStart): Promise<void> {
    const { commit, outgoing, outgoingCache, seq } = this.#open
    try {
      await commit.write(
        () => {
          this.#checkFence(attempt.fence)
          outgoing.startAttempt(attempt)
          return attempt.outgoing?.map((message) => outgoing.record(message, seq.next)) ?? []
        },
        (recorded) => {
          outgoingCache.update(attempt.fence.lane, attempt.message.seq, (message) => begun(message, attempt))
          addAll(outgoingCache, recorded)
        },
      )
    } catch (error) {
      outgoingCache.forget(attempt.fence.lane)
      throw error
    }
  }

  async finishAttempts(results: readonly AttemptResult[]): Promise<void> {
    await forEach(results, (result) => this.#finishAttempt(result))
  }

  async #finishAttempt(result: AttemptResult): Promise<void> {
    const { commit, outgoing, outgoingCache, seq } = this.#open
    const { lane } = result.fence
    try {
      await commit.write(
        () => {
          this.#checkFence(result.fence)
          const movedTo = outgoing.finishAttempt(result)
          return { movedTo, recorded: result.outgoing?.map((message) => outgoing.record(message, seq.next)) ?? [] }
        },
        ({ movedTo, recorded }) => {
          // Its place there is not the last.
          if (movedTo !== undefined) outgoingCache.forget(laneKey(movedTo))
          addAll(outgoingCache, recorded)
          const hasLeft = result.outcome.kind === 'settled' || result.outcome.kind === 'moved'
          if (hasLeft) outgoingCache.remove(lane, result.message.seq)
          else outgoingCache.forget(lane)
        },
      )
    } catch (error) {
      outgoingCache.forget(lane)
      throw error
    }
  }

  async settleAnswered(ids: readonly string[], at: number): Promise<readonly string[]> {
    const { commit, outgoing, outgoingCache } = this.#open
    const taken = await commit.write(
      () => ids.map((id) => outgoing.settleAnswered(id, at)),
      (settled) => removeAll(outgoingCache, settled),
    )
    return ids.filter((_, index) => taken[index] !== undefined)
  }

  async recordReports(reports: readonly NewReport[]): Promise<readonly ReportEffect[]> {
    const { commit, outgoing, outgoingCache } = this.#open
    const effects = await commit.write(
      () => reports.map((report) => outgoing.reports.record(report)),
      (results) =>
        removeAll(
          outgoingCache,
          results.map(({ settled }) => settled),
        ),
    )
    return effects.map(({ settled: _, ...effect }) => effect)
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
      () => {
        const lanes = ids.flatMap((id) => session.incoming.replay(id, at) ?? session.outgoing.replay(id, at) ?? [])
        for (const lane of lanes) session.tell(lane)
        return lanes
      },
      (lanes) => {
        for (const lane of lanes) session.forget(lane)
      },
    )
  }

  async purge(request: PurgeRequest): Promise<Purged> {
    const { commit, purge } = this.#open
    const { purged } = await commit.write(
      () => purge.batch(request),
      (batch) => purge.committed(batch),
    )
    return purged
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
    const isServer = fence.token !== 0
    if (isServer && fence.token === this.#open.currentEpoch()) return
    throw new StaleResultError('Another server has taken over this database.')
  }
}

/** All at the same time; a batch of one, which most are, without the cost of a batch. */
async function forEach<T>(batch: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const [only] = batch
  if (batch.length === 1 && only !== undefined) await work(only)
  else await Promise.all(batch.map(work))
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

/** The message as it stands once an attempt of it has begun. */
function begun(message: OpenOutgoing, given: AttemptStart): OpenOutgoing {
  const { text = message.text, parts = message.parts, at } = wellFormed(given)
  const firstAttemptAt = message.firstAttemptAt ?? at
  return { ...message, text, parts, phased: true, tries: message.tries + 1, firstAttemptAt, attemptOpen: true }
}

function incomingLane({ backend, identity }: Connection): Lane {
  return { kind: 'incoming', owner: backend, identity }
}

function outgoingLane({ backend, class: messageClass, identity }: OpenOutgoing): Lane {
  return { kind: 'outgoing', owner: backend, class: messageClass, identity }
}

function removeAll(cache: LaneCache<OpenOutgoing>, settled: readonly (Settled | undefined)[]): void {
  for (const one of settled) if (one !== undefined) cache.remove(laneKey(one.lane), one.seq)
}

function addAll(cache: LaneCache<OpenOutgoing>, messages: readonly (OpenOutgoing | undefined)[]): void {
  for (const open of messages) {
    if (open === undefined) continue
    cache.add(laneKey(outgoingLane(open)), open)
  }
}
