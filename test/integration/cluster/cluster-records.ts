import { expect } from 'chai'
import type { PostgresServer } from '../../support/postgres.ts'
import type { Reception } from '../recorder.ts'
import { groupBy } from '../records.ts'
import type { Crowd } from './crowd.ts'

export interface InRow {
  readonly seq: number
  readonly id: string
  readonly identity: string
  readonly text: string
  readonly state: string
  readonly tries: number
}

export interface OutRow {
  readonly seq: number
  readonly id: string
  readonly identity: string
  readonly text: string
  readonly state: string
  readonly in_response_to: string | null
  readonly is_open: boolean
  readonly attempt_at: number | null
}

/** All that the store has recorded of messages, in its order. */
export interface ClusterRecords {
  readonly incoming: readonly InRow[]
  readonly outgoing: readonly OutRow[]
}

const INCOMING = 'seq, id, identity, text, state, tries'
const OUTGOING = 'seq, id, identity, text, state, in_response_to, attempt_at'

export async function readRecords(server: PostgresServer, url: string): Promise<ClusterRecords> {
  const incoming = await server.run<InRow>(
    url,
    `SELECT ${INCOMING} FROM incoming UNION ALL SELECT ${INCOMING} FROM incoming_open ORDER BY seq`,
  )
  const outgoing = await server.run<OutRow>(
    url,
    `SELECT ${OUTGOING}, false AS is_open FROM outgoing
     UNION ALL SELECT ${OUTGOING}, true AS is_open FROM outgoing_open ORDER BY seq`,
  )
  return { incoming, outgoing }
}

/** True when every message is processed and every response settled. */
export async function isQuiet(server: PostgresServer, url: string): Promise<boolean> {
  const [row] = await server.run<{ count: string }>(
    url,
    'SELECT (SELECT count(*) FROM incoming_open) + (SELECT count(*) FROM outgoing_open) AS count',
  )
  return Number(row?.count) === 0
}

/** Ids of messages that have been given to the far side, or are about to be, with nothing recorded of it yet. */
export async function sendsInFlight(server: PostgresServer, url: string): Promise<ReadonlySet<string>> {
  const rows = await server.run<{ id: string }>(url, 'SELECT id FROM outgoing_open WHERE attempt_at IS NOT NULL')
  return new Set(rows.map(({ id }) => id))
}

export interface Evidence {
  readonly records: ClusterRecords
  readonly crowd: Crowd
  readonly received: readonly Reception[]
  /** The sends in flight at each disturbance that may repeat them. */
  readonly inFlight?: readonly ReadonlySet<string>[]
  /** Where they cannot be known: how many messages may reach the far side once more; none unless given. */
  readonly mostRepeats?: number
}

/** What has to hold whatever was done to the processes and servers. */
export function expectNothingLostOrTwice({ records, crowd, received, inFlight = [], mostRepeats }: Evidence): void {
  const { incoming, outgoing } = records
  const byText = groupBy(incoming, ({ text }) => text)
  const answers = groupBy(outgoing, ({ in_response_to: id }) => id ?? '')
  const twice = [...byText.values()].filter(({ length }) => length > 1)
  expect(twice, 'recorded twice').to.deep.equal([])
  const unworked = incoming.filter(({ id, text, state }) => {
    const texts = answers.get(id)?.map((answer) => `${answer.text} ${answer.state}`)
    return state !== 'PROCESSED' || texts?.join() !== `re ${text} SENT`
  })
  expect(unworked, 'not processed and answered once').to.deep.equal([])
  const lost = [...crowd.acknowledged].filter((text) => !byText.has(text))
  expect(lost, 'acknowledged and lost').to.deep.equal([])
  const strangers = incoming.filter(({ text }) => !crowd.acknowledged.has(text) && !crowd.unanswered.has(text))
  expect(strangers, 'nobody sent them').to.deep.equal([])
  expectOrdered(
    groupBy(incoming, ({ identity }) => identity),
    'in the store',
  )
  expectOrdered(
    groupBy(outgoing, ({ identity }) => identity),
    'of answers in the store',
  )
  expectReceived(outgoing, received)
  if (mostRepeats === undefined) expectRepeatsOf(received, inFlight)
  else expect(countDuplicates(received), 'repeats at the far side').to.be.at.most(mostRepeats)
}

function expectRepeatsOf(received: readonly Reception[], inFlight: readonly ReadonlySet<string>[]): void {
  const tooOften = [...groupBy(received, ({ id }) => id)]
    .filter(([id, receptions]) => receptions.length > 1 + inFlight.filter((ids) => ids.has(id)).length)
    .map(([, receptions]) => receptions)
  expect(tooOften, 'received twice, and not in flight at a disturbance').to.deep.equal([])
}

function expectReceived(outgoing: readonly OutRow[], received: readonly Reception[]): void {
  const times = groupBy(received, ({ id }) => id)
  expect(
    outgoing.filter(({ id }) => !times.has(id)),
    'never received',
  ).to.deep.equal([])
  const first = groupBy(
    received.filter((one) => times.get(one.id)?.[0] === one),
    ({ identity }) => identity,
  )
  expectOrdered(first, 'at the far side')
}

/** How many messages reached the far side more than once. */
export function countDuplicates(received: readonly Reception[]): number {
  return received.length - new Set(received.map(({ id }) => id)).size
}

/** Texts end with the number under which their person wrote them. */
function expectOrdered(people: ReadonlyMap<string, readonly { readonly text: string }[]>, where: string): void {
  for (const [identity, messages] of people) {
    const numbers = messages.map(({ text }) => Number(text.split(' ').at(-1)))
    expect(numbers, `the order of ${identity} ${where}`).to.deep.equal(numbers.toSorted((a, b) => a - b))
  }
}
