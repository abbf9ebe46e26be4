import type { Lane } from '../../messages/lane.ts'
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
import type { Contact } from '../contact.ts'
import type { NewOutgoing } from '../outgoing-records.ts'
import { readAttempts } from './attempts.ts'
import * as statements from './broadcast-statements.ts'
import { type OutgoingPlace, outgoingLane } from './columns.ts'
import type { PostgresDatabase, Run } from './database.ts'
import { keyOf } from './keys.ts'
import { notifyLanes } from './notices.ts'
import { type ContactRow, toContact } from './people.ts'
import { recordOutgoing } from './record-outgoing.ts'
import { type Cold, rowsOf } from './session.ts'
import { recordset } from './texts.ts'
import { NEXT_NUMBERS } from './write-batch.ts'

/** Messages that one reading of what they have cost looks at. */
const COSTED_AT_ONCE = 2_000

interface Parts {
  readonly database: PostgresDatabase
  /** For counts over very many messages. */
  readonly cold: Cold
  /** Whether word of recorded messages is left for the servers beside this process. */
  readonly tells: boolean
}

/** Broadcasts, their recipients, and what becomes of their messages as a whole. */
export class PostgresBroadcasts implements BroadcastStore<NewOutgoing> {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async create({ key, request, ...broadcast }: NewBroadcast) {
    const { id, name, tag, startAt, createdAt, holder, heldUntil } = broadcast
    const bounded = key === null ? null : keyOf(key)
    const values = [id, name, tag, bounded, JSON.stringify(request), startAt, createdAt, holder, heldUntil]
    const { database } = this.#parts
    // Whoever has the key may fail, and let go of it, between the two.
    for (let tries = 0; tries < 5; tries++) {
      const [made] = await database.query<BroadcastColumns>(statements.INSERT, values)
      if (made !== undefined) return { row: broadcastOf(made), isNew: true }
      const [known] = await database.query<BroadcastColumns>(statements.BY_KEY, [bounded])
      if (known !== undefined) return { row: broadcastOf(known), isNew: false }
    }
    throw new Error('The key of the broadcast is taken and given back by others all the time.')
  }

  async take({ id, holder, heldUntil, recipients, faults }: Taking): Promise<void> {
    const rows = recipients.map(({ position, backend, identity, params }) => ({
      ...{ position, backend, identity, key: keyOf(identity) },
      params: params === null ? null : JSON.stringify(params),
    }))
    await this.#parts.database.transaction(async (run) => {
      const [touched] = await run<{ number: number }>(statements.TOUCH, [id, holder, heldUntil])
      if (touched === undefined) throw staleBroadcast(id)
      const { number } = touched
      if (rows.length > 0) {
        const taken = (await run(statements.INSERT_RECIPIENTS, [recordset(rows), number])).length
        await run(statements.COUNT, [number, taken, rows.length - taken])
      }
      await addFaults(run, number, faults)
    })
  }

  async change({ id, from, to, reason, holder, heldBefore, at }: BroadcastChange): Promise<boolean> {
    const endedAt = endedBroadcastStates.includes(to) ? at : null
    const values = [id, [...from], to, reason ?? null, at, endedAt, holder ?? null, heldBefore ?? null]
    return (await this.#parts.database.query(statements.CHANGE, values)).length === 1
  }

  async find(id: string): Promise<BroadcastRow | undefined> {
    const [row] = await this.#parts.database.query<BroadcastColumns>(statements.FIND, [id])
    return row === undefined ? undefined : broadcastOf(row)
  }

  async list({
    limit,
    before,
  }: {
    readonly limit: number
    readonly before?: string
  }): Promise<readonly BroadcastRow[]> {
    const values = [before ?? null, limit]
    return (await this.#parts.database.query<BroadcastColumns>(statements.LIST, values)).map(broadcastOf)
  }

  async unended(limit: number): Promise<readonly BroadcastRow[]> {
    return (await this.#parts.database.query<BroadcastColumns>(statements.UNENDED, [limit])).map(broadcastOf)
  }

  async faults(id: string, { after, limit }: { readonly after: number; readonly limit: number }) {
    return this.#parts.database.query<BroadcastFault>(statements.FAULTS, [id, after, limit])
  }

  async states(id: string): Promise<Partial<Record<OutgoingState, number>>> {
    const { text } = statements.STATES
    const rows = await this.#parts.cold((client) => rowsOf<{ state: OutgoingState; count: number }>(client, text, [id]))
    return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
  }

  async recipients(id: string, after: number, limit: number): Promise<readonly BroadcastRecipient[]> {
    const { database } = this.#parts
    const rows = await database.query<statements.RecipientColumns>(statements.RECIPIENTS, [id, after, limit])
    const keys = rows.map(({ backend, identity }) => keyOf(backend, identity))
    const known = await database.query<ContactRow & { key: string }>(statements.CONTACTS, [keys])
    const contacts = new Map<string, Contact>(known.map((row) => [row.key, toContact(row)]))
    return rows.map(({ position, backend, identity, params }, index) => ({
      ...{ position, backend, identity },
      params: params === null ? null : JSON.parse(params),
      contact: contacts.get(keys[index] ?? '') ?? null,
    }))
  }

  async expand({ id, from, to, recipients, messages, faults, at }: Expansion<NewOutgoing>): Promise<void> {
    await this.#parts.database.transaction(async (run) => {
      const values = [id, from, to, recipients, messages.length, at]
      const [expanded] = await run<{ number: number }>(statements.EXPAND, values)
      if (expanded === undefined) throw staleBroadcast(id)
      await addFaults(run, expanded.number, faults)
      const numbers = messages.length === 0 ? [] : await run<{ seq: number }>(NEXT_NUMBERS, [messages.length])
      const numbered = messages.map((message, index) => ({ seq: numbers[index]?.seq ?? 0, message }))
      await recordOutgoing(run, numbered)
      if (this.#parts.tells) await notifyLanes(run, messages.map(outgoingLane))
    })
  }

  async countOpen(id: string, most: number): Promise<number> {
    const [row] = await this.#parts.database.query<{ count: number }>(statements.COUNT_OPEN, [id, most])
    return row?.count ?? 0
  }

  async hold(id: string, held: boolean, limit: number, at: number) {
    return this.#parts.database.transaction(async (run) => {
      const statement = held ? statements.HOLD_BACK : statements.LET_GO
      const lanes: readonly Lane[] = (await run<OutgoingPlace>(statement, [id, HELD_UNTIL, limit, at])).map(
        outgoingLane,
      )
      const more = lanes.length === limit
      if (!more) await run(statements.HELD, [id, held])
      return { lanes, more }
    })
  }

  async cancelOpen(id: string, reason: string, limit: number, at: number): Promise<number> {
    return (await this.#parts.database.query(statements.CANCEL_OPEN, [id, reason, limit, at])).length
  }

  async cost(id: string): Promise<BroadcastCost> {
    return this.#parts.database.transaction(async (run) => {
      const [known] = await run<{ cost: number; costed: number; cost_cursor: number; first_open: number | null }>(
        statements.COST_OF,
        [id],
      )
      if (known === undefined) return { cost: 0, settled: 0 }
      const until = known.first_open ?? Number.MAX_SAFE_INTEGER
      const values = [id, known.cost_cursor, until, COSTED_AT_ONCE]
      const rows = await run<{ seq: number; attempts: string }>(statements.SPENT, values)
      const cursor = rows.at(-1)?.seq
      if (cursor === undefined) return { cost: known.cost, settled: known.costed }
      const more = rows
        .flatMap(({ attempts }) => readAttempts(attempts))
        .reduce((sum, { cost }) => sum + (cost ?? 0), 0)
      await run(statements.ADD_COST, [id, more, rows.length, cursor])
      return { cost: known.cost + more, settled: known.costed + rows.length }
    })
  }
}

async function addFaults(run: Run, number: number, faults: readonly BroadcastFault[]): Promise<void> {
  if (faults.length === 0) return
  const [row] = await run<{ count: number }>(statements.FAULT_COUNT, [number])
  const kept = faults.slice(0, Math.max(0, MOST_FAULTS_KEPT - (row?.count ?? 0)))
  if (kept.length > 0) await run(statements.INSERT_FAULTS, [recordset(kept), number])
  await run(statements.COUNT_FAULTS, [number, faults.length])
}
