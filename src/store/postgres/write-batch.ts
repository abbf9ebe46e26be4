import { StaleResultError } from '../errors.ts'
import type { NewIncoming } from '../incoming-records.ts'
import type { NewOutgoing } from '../outgoing-records.ts'
import { settleAnswered } from './answered.ts'
import { finishAttempts, startAttempts } from './attempts.ts'
import { applyChanges } from './changes.ts'
import type { Run, Statement } from './database.ts'
import { finishIncoming } from './finish.ts'
import { keepKeys } from './keep-keys.ts'
import { fenceKeyOf } from './keys.ts'
import { tellLanes } from './notices.ts'
import { type FencedOperation, fenceOf, isFenced, type Numbered, type Operation, sentBy } from './operations.ts'
import { recordIncoming } from './record-incoming.ts'
import { recordOutgoing } from './record-outgoing.ts'
import { matchParked, recordReports } from './reports.ts'

export type Outcome = { readonly result: unknown } | { readonly error: unknown }

/** One operation of a batch cannot be written after others were: the batch has to be written again without it. */
export class Refused {
  readonly index: number
  readonly reason: unknown

  constructor(index: number, reason: unknown) {
    this.index = index
    this.reason = reason
  }
}

export const NEXT_NUMBERS: Statement = {
  name: 'next-numbers',
  text: `SELECT nextval('message_seq') AS seq FROM generate_series(1, $1)`,
}

// Whoever would claim a lane while its result is being committed waits here.
const LOCK_LANES: Statement = {
  name: 'lock-lanes',
  text: `SELECT key, token FROM lanes WHERE key = ANY($1) ORDER BY key FOR NO KEY UPDATE`,
}

/**
 * Writes a batch inside a transaction, kind by kind, a statement or two for each.
 * @returns an outcome for each operation; what is refused has written nothing
 * @throws Refused
 */
export async function writeBatch(run: Run, operations: readonly Operation[], tells: boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = operations.map(() => ({ result: undefined }))
  const numbers = await nextNumbers(run, operations)
  const stale = await staleOnes(run, operations)
  const refuse = (operation: Operation) => {
    stale.add(operation)
  }
  const good = <Kind extends Operation['kind']>(kind: Kind) =>
    operations.filter((one): one is Extract<Operation, { kind: Kind }> => one.kind === kind && !stale.has(one))

  await finishIncoming(run, good('finish'), refuse)
  await startAttempts(run, good('start'), refuse)
  await finishAttempts(run, good('attempt'), refuse)
  const fenced = operations.filter(isFenced).filter((operation) => !stale.has(operation))
  await applyChanges(run, fenced, (operation, reason) => new Refused(operations.indexOf(operation), reason))

  const incoming = good('incoming')
  const recorded = await recordIncoming(run, numbers.incoming)
  const repeats = await keepKeys(run, good('keyed'))
  const isLeftOut = (one: Operation) => stale.has(one) || repeats.has(one)
  const outgoing = operations.flatMap((one) => (isLeftOut(one) ? [] : (numbers.outgoing.get(one) ?? [])))
  await recordOutgoing(run, outgoing)
  await matchParked(run, good('attempt'))
  const answers = await settleAnswered(run, good('answered'))
  const effects = await recordReports(run, good('reports'))
  if (tells) await tellLanes(run, incoming, outgoing)

  let first = 0
  operations.forEach((operation, index) => {
    if (stale.has(operation)) outcomes[index] = { error: staleError(operation) }
    else if (operation.kind === 'keyed') outcomes[index] = { result: repeats.get(operation) }
    else if (operation.kind === 'incoming') {
      outcomes[index] = { result: recorded.slice(first, first + operation.messages.length) }
      first += operation.messages.length
    } else if (operation.kind === 'answered') outcomes[index] = { result: answers.get(operation) ?? [] }
    else if (operation.kind === 'reports') outcomes[index] = { result: effects.get(operation) ?? [] }
  })
  return outcomes
}

/** The order of the messages is that of the operations, in both directions. */
async function nextNumbers(run: Run, operations: readonly Operation[]) {
  const incoming: Numbered<NewIncoming>[] = []
  const outgoing = new Map<Operation, Numbered<NewOutgoing>[]>()
  const count = operations.reduce((sum, one) => sum + receivedIn(one).length + sentBy(one).length, 0)
  const rows = count === 0 ? [] : await run<{ seq: number }>(NEXT_NUMBERS, [count])
  let used = 0
  const next = () => rows[used++]?.seq ?? 0
  for (const operation of operations) {
    for (const message of receivedIn(operation)) incoming.push({ seq: next(), message })
    const sent = sentBy(operation)
    if (sent.length > 0)
      outgoing.set(
        operation,
        sent.map((message) => ({ seq: next(), message })),
      )
  }
  return { incoming, outgoing }
}

function receivedIn(operation: Operation): readonly NewIncoming[] {
  return operation.kind === 'incoming' ? operation.messages : []
}

/** Those whose lanes somebody else has claimed since. Until the commit, nobody else claims the others. */
async function staleOnes(run: Run, operations: readonly Operation[]): Promise<Set<Operation>> {
  const fenced = operations.filter(isFenced)
  if (fenced.length === 0) return new Set()
  const keyOf = (operation: FencedOperation) => fenceKeyOf(fenceOf(operation).lane)
  const rows = await run<{ key: string; token: number }>(LOCK_LANES, [[...new Set(fenced.map(keyOf))]])
  const tokens = new Map(rows.map(({ key, token }) => [key, token]))
  return new Set(fenced.filter((operation) => tokens.get(keyOf(operation)) !== fenceOf(operation).token))
}

function staleError(operation: Operation): StaleResultError {
  const id = isFenced(operation) ? operation.result.message.id : ''
  return new StaleResultError(`The message ${id} was taken over, or settled, by someone else. Nothing was written.`)
}
