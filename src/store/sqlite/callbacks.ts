import type { Database } from 'better-sqlite3'
import { backendsText, type CallbackRow, isMended, REPLAYED_AT_ONCE, toCallback, toDelivery } from '../callback-rows.ts'
import type {
  CallbackCounts,
  CallbackDelivery,
  CallbackStore,
  CallbackTarget,
  CallbackValues,
  ClaimCallbacks,
  ClaimedCallbacks,
  DeadQuery,
  DeliveryResult,
  NewCallback,
  StoredCallback,
} from '../callback-store.ts'
import { type CallbackStatements, prepareCallbacks } from './callback-statements.ts'
import { createTriggers, dropTriggers } from './callback-triggers.ts'
import type { GroupCommit } from './group-commit.ts'
import { wellFormed } from './well-formed.ts'

/** Who is told of what, and what is on its way there. */
export class SqliteCallbacks implements CallbackStore {
  readonly #database: Database
  readonly #statements: CallbackStatements
  readonly #commit: GroupCommit

  constructor(database: Database, commit: GroupCommit) {
    this.#database = database
    this.#statements = prepareCallbacks(database)
    this.#commit = commit
  }

  /** What an earlier server held, nobody holds: one server alone works the file. */
  freeLeases(): void {
    this.#statements.freeLeases.run()
  }

  async add(callback: NewCallback, most: number): Promise<StoredCallback | undefined> {
    return this.#commit.write(() => {
      const { count = 0 } = this.#statements.countOwn.get(callback.user) ?? {}
      if (count >= most) return undefined
      createTriggers(this.#database)
      this.#statements.unholdUnused.run(callback.target)
      const row = this.#statements.add.get(wellFormed({ ...callback, backends: backendsText(callback.backends) }))
      if (row === undefined) throw new Error('The callback was not recorded.')
      return toCallback(row)
    })
  }

  async list(user?: string | null): Promise<readonly StoredCallback[]> {
    const { list, own } = this.#statements
    return (user === undefined ? list.all() : own.all(user)).map(toCallback)
  }

  async find(id: number): Promise<StoredCallback | undefined> {
    return callbackOf(this.#statements.find.get(id))
  }

  async change(id: number, revision: number, values: CallbackValues, at: number): Promise<StoredCallback | undefined> {
    const given = wellFormed({ ...values, backends: backendsText(values.backends), id, revision, at })
    return this.#commit.write(() => {
      const before = this.#statements.find.get(id)
      const row = this.#statements.change.get(given)
      if (before !== undefined && row !== undefined && isMended(before, row)) {
        this.#statements.retarget.run({ id, target: row.target })
        this.#statements.unhold.run(row.target)
        this.#statements.unholdUnused.run(before.target)
      }
      return callbackOf(row)
    })
  }

  /** A change moves what waits in its own commit. */
  async follow(): Promise<number> {
    return 0
  }

  async remove(id: number): Promise<boolean> {
    return this.#commit.write(() => {
      const before = this.#statements.find.get(id)
      this.#statements.removeDeliveries.run(id)
      const { changes } = this.#statements.remove.run(id)
      if (before !== undefined) this.#statements.unholdUnused.run(before.target)
      if (this.#statements.any.get() === undefined) dropTriggers(this.#database)
      return changes === 1
    })
  }

  async disable(id: number, revision: number, reason: string, at: number): Promise<boolean> {
    const given = wellFormed({ id, revision, reason, at })
    return this.#commit.write(() => this.#statements.disable.run(given).changes === 1)
  }

  async targets(now: number): Promise<readonly CallbackTarget[]> {
    return this.#statements.targets.all(now)
  }

  async claim(request: ClaimCallbacks): Promise<ClaimedCallbacks> {
    return this.#commit.write(() => {
      const { last = null, size = 0 } = this.#statements.pageEnd.get(request) ?? {}
      const rows = this.#statements.heads.all(request)
      for (const { seq } of rows) this.#statements.lease.run({ ...request, seq })
      const next = last !== null && size === request.page ? last : undefined
      return { deliveries: rows.map(toDelivery), next }
    })
  }

  async settle(results: readonly DeliveryResult[]): Promise<void> {
    await this.#commit.write(() => {
      for (const result of results) this.#settle(wellFormed(result))
    })
  }

  #settle(result: DeliveryResult): void {
    const statements = this.#statements
    const { seq, holder, target } = result
    switch (result.kind) {
      case 'delivered':
        statements.delivered.run({ seq, holder })
        // What waits because the URL was away waits no longer.
        if (statements.reached.run(target, result.now).changes > 0) statements.back.run(target)
        return
      case 'retry': {
        const { at, now, status, failure, hold } = result
        const tried = statements.retry.get({ seq, holder, at, status, failure })
        if (hold !== null && tried?.target === target) statements.hold.run({ target, until: hold, now })
        return
      }
      case 'dead': {
        const { now, status, failure } = result
        statements.giveUpOne.run({ seq, holder, now, status, failure })
        return
      }
      case 'removed':
        statements.delivered.run({ seq, holder })
        return
      case 'released':
        statements.released.run({ seq, holder, at: result.at ?? 0 })
    }
  }

  async counts(callbacks: readonly number[]): Promise<readonly CallbackCounts[]> {
    return this.#statements.counts.all(JSON.stringify(callbacks))
  }

  async dead({ callback, before, limit }: DeadQuery): Promise<readonly CallbackDelivery[]> {
    const query = { callback: callback ?? null, before: before ?? null, limit }
    return this.#statements.dead.all(query).map(toDelivery)
  }

  async replay(callback: number | undefined, ids: readonly string[] | undefined, at: number): Promise<number> {
    const given = { callback: callback ?? null, ids: ids === undefined ? null : JSON.stringify(ids), at }
    let count = 0
    for (let after: number | null = 0; after !== null; ) {
      const replayed = await this.#replayPage({ ...given, after })
      count += replayed.count
      after = replayed.next
    }
    return count
  }

  #replayPage(given: { callback: number | null; ids: string | null; at: number; after: number }) {
    const { replayPage, replay, unhold } = this.#statements
    return this.#commit.write(() => {
      const { callback, after } = given
      const { last = null, size = 0 } = replayPage.get({ callback, after, page: REPLAYED_AT_ONCE }) ?? {}
      const rows = last === null ? [] : replay.all({ ...given, last })
      for (const target of new Set(rows.map((row) => row.target))) unhold.run(target)
      return { count: rows.length, next: size === REPLAYED_AT_ONCE ? last : null }
    })
  }
}

function callbackOf(row: CallbackRow | undefined): StoredCallback | undefined {
  return row === undefined ? undefined : toCallback(row)
}
