import type { Database } from 'better-sqlite3'
import { type Lane, laneKey } from '../../messages/lane.ts'
import type { OutgoingState } from '../../messages/states.ts'
import { type BroadcastColumns, broadcastOf, staleBroadcast } from '../broadcast-rows.ts'
import {
  type BroadcastChange,
  type BroadcastCost,
  type BroadcastFault,
  type BroadcastRecipient,
  type BroadcastRow,
  type BroadcastStore,
  type Expansion,
  endedBroadcastStates,
  HELD_UNTIL,
  MOST_FAULTS_KEPT,
  type NewBroadcast,
  type Taking,
} from '../broadcast-store.ts'
import type { NewOutgoing } from '../outgoing-records.ts'
import { prepareBroadcasts, type RecipientColumns } from './broadcast-statements.ts'
import type { GroupCommit } from './group-commit.ts'
import type { OutgoingRecorder } from './keyed-sends.ts'
import type { LaneCache } from './lane-cache.ts'
import type { OpenOutgoing } from './outgoing.ts'
import { toContact } from './people.ts'
import { wellFormed } from './well-formed.ts'

/** Messages that one reading of what they have cost looks at. */
const COSTED_AT_ONCE = 10_000

export interface SqliteBroadcastsParts {
  readonly database: Database
  /** Sees what is committed. */
  readonly reader: Database
  readonly commit: GroupCommit
  readonly recorder: OutgoingRecorder
  readonly cache: LaneCache<OpenOutgoing>
  /** Throws when another server works the database now, whose caches would not know what is written here. */
  readonly checkEpoch: () => void
}

/** Broadcasts, their recipients, and what becomes of their messages as a whole. */
export class SqliteBroadcasts implements BroadcastStore<NewOutgoing> {
  readonly #parts: SqliteBroadcastsParts
  readonly #statements
  readonly #reads

  constructor(parts: SqliteBroadcastsParts) {
    this.#parts = parts
    const { write, read } = prepareBroadcasts(parts.database, parts.reader)
    this.#statements = write
    this.#reads = read
  }

  async create(given: NewBroadcast) {
    const { request, ...broadcast } = wellFormed(given)
    return this.#parts.commit.write(() => {
      const known = broadcast.key === null ? undefined : this.#statements.byKey.get(broadcast.key)
      if (known !== undefined) return { row: broadcastOf(known), isNew: false }
      this.#statements.insert.run({ ...broadcast, request: JSON.stringify(request) })
      return { row: broadcastOf(this.#row(broadcast.id)), isNew: true }
    })
  }

  async take({ id, holder, heldUntil, recipients, faults }: Taking): Promise<void> {
    await this.#parts.commit.write(() => {
      const number = this.#statements.touch.get({ id, holder, heldUntil })?.number
      if (number === undefined) throw staleBroadcast(id)
      let taken = 0
      for (const given of recipients) {
        const { position, backend, identity, params } = wellFormed(given)
        const json = params === null ? null : JSON.stringify(params)
        taken += this.#statements.insertRecipient.run(number, position, backend, identity, json).changes
      }
      const duplicates = recipients.length - taken
      this.#statements.count.run({ number, taken, duplicates })
      this.#addFaults(number, faults)
    })
  }

  async change({ id, from, to, reason, holder, heldBefore, at }: BroadcastChange): Promise<boolean> {
    const endedAt = endedBroadcastStates.includes(to) ? at : null
    const states = JSON.stringify(from)
    const condition = { id, states, holder: holder ?? null, heldBefore: heldBefore ?? null }
    const change = { ...condition, to, reason: reason?.toWellFormed() ?? null, at, endedAt }
    return this.#parts.commit.write(() => this.#statements.change.run(change).changes === 1)
  }

  async find(id: string): Promise<BroadcastRow | undefined> {
    const row = this.#reads.find.get(id.toWellFormed())
    return row === undefined ? undefined : broadcastOf(row)
  }

  async list({
    limit,
    before,
  }: {
    readonly limit: number
    readonly before?: string
  }): Promise<readonly BroadcastRow[]> {
    const number = before === undefined ? Number.MAX_SAFE_INTEGER : (this.#reads.find.get(before)?.number ?? 0)
    return this.#reads.list.all(number, limit).map(broadcastOf)
  }

  async unended(limit: number): Promise<readonly BroadcastRow[]> {
    return this.#reads.unended.all(limit).map(broadcastOf)
  }

  async faults(id: string, { after, limit }: { readonly after: number; readonly limit: number }) {
    return this.#reads.faults.all({ id, after, limit })
  }

  async states(id: string): Promise<Partial<Record<OutgoingState, number>>> {
    return Object.fromEntries(this.#reads.states.all(id).map(({ state, count }) => [state, count]))
  }

  async recipients(id: string, after: number, limit: number): Promise<readonly BroadcastRecipient[]> {
    return this.#reads.recipients.all({ id, after, limit }).map(toRecipient)
  }

  async expand({ id, from, to, recipients, messages, faults, at }: Expansion<NewOutgoing>): Promise<void> {
    const { commit, recorder, checkEpoch } = this.#parts
    await commit.write(
      () => {
        checkEpoch()
        const expanded = { id, from, to, recipients, messages: messages.length, at }
        const number = this.#statements.expand.get(expanded)?.number
        if (number === undefined) throw staleBroadcast(id)
        this.#addFaults(number, faults)
        return recorder.record(messages)
      },
      (recorded) => recorder.committed(recorded),
    )
  }

  async countOpen(id: string, most: number): Promise<number> {
    return this.#reads.countOpen.get(id, most)?.count ?? 0
  }

  async hold(id: string, held: boolean, limit: number, at: number) {
    const { commit, cache, checkEpoch } = this.#parts
    const statement = held ? this.#statements.holdBack : this.#statements.letGo
    return commit.write(
      () => {
        checkEpoch()
        const lanes = statement.all({ id, heldUntil: HELD_UNTIL, limit, at }).map(laneOf)
        const more = lanes.length === limit
        if (!more) this.#statements.held.run({ id, held: held ? 1 : 0 })
        return { lanes, more }
      },
      // The caches hold them with the time before which they were not to be sent.
      ({ lanes }) => {
        for (const lane of lanes) cache.forget(laneKey(lane))
      },
    )
  }

  async cancelOpen(id: string, reason: string, limit: number, at: number): Promise<number> {
    const { commit, cache, checkEpoch } = this.#parts
    const cancelled = await commit.write(
      () => {
        checkEpoch()
        return this.#statements.cancelOpen.all({ id, reason, limit, at })
      },
      (rows) => {
        for (const row of rows) cache.remove(laneKey(laneOf(row)), row.seq)
      },
    )
    return cancelled.length
  }

  async cost(id: string): Promise<BroadcastCost> {
    const { costOf, firstOpen, spent, addCost } = this.#statements
    return this.#parts.commit.write(() => {
      const known = costOf.get(id)
      if (known === undefined) return { cost: 0, settled: 0 }
      const last = Math.min((firstOpen.get(id)?.seq ?? known.last_seq + 1) - 1, known.cost_cursor + COSTED_AT_ONCE)
      if (last <= known.cost_cursor) return { cost: known.cost, settled: known.costed }
      const more = spent.get({ id, from: known.cost_cursor, to: last }) ?? { cost: 0, settled: 0 }
      addCost.run({ id, cost: more.cost, settled: more.settled, to: last })
      return { cost: known.cost + more.cost, settled: known.costed + more.settled }
    })
  }

  #row(id: string): BroadcastColumns {
    const row = this.#statements.byId.get(id)
    if (row === undefined) throw new Error(`the broadcast ${id} is not there`)
    return row
  }

  #addFaults(number: number, faults: readonly BroadcastFault[]): void {
    if (faults.length === 0) return
    const kept = this.#statements.faultCount.get(number)?.count ?? 0
    for (const { position, error } of faults.slice(0, Math.max(0, MOST_FAULTS_KEPT - kept))) {
      this.#statements.insertFault.run(number, position, error.toWellFormed())
    }
    this.#statements.countFaults.run({ number, faults: faults.length })
  }
}

function laneOf(row: {
  readonly backend: string
  readonly class: OpenOutgoing['class']
  readonly identity: string
}): Lane {
  return { kind: 'outgoing', owner: row.backend, class: row.class, identity: row.identity }
}

function toRecipient({
  contact_id: id,
  contact_created_at: created_at,
  params,
  ...row
}: RecipientColumns): BroadcastRecipient {
  const { position, backend, identity, name } = row
  const contact = id === null || name === null ? null : toContact({ ...row, id, name, created_at: created_at ?? 0 })
  return { position, backend, identity, params: params === null ? null : JSON.parse(params), contact }
}
