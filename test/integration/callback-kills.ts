import { expect } from 'chai'
import { type CallbackReceiver, firsts, type Told } from '../support/callback-receiver.ts'
import type { RunningServer } from '../support/process.ts'
import { until } from '../support/until.ts'

const WAIT_MS = 60_000
const MESSAGES = 40

export interface CallbackKills {
  readonly receiver: CallbackReceiver
  /** The path of a view that takes `identity` and `text`. */
  readonly path: string
  readonly kills: number
  /** How many people write in turn. */
  readonly people: number
  /** Requests to the receiver that a process makes at the same time. */
  readonly concurrency: number
  /** The server of each round, the last of which is not killed. */
  server(round: number): Promise<RunningServer>
}

/** Each person's messages are told in the order in which they came. */
export function expectOrdered(got: readonly Told[]): void {
  const last = new Map<string, number>()
  for (const { message } of got) {
    const number = Number(message.text)
    expect(number, message.identity).to.be.greaterThan(last.get(message.identity) ?? -1)
    last.set(message.identity, number)
  }
}

/** Kills servers while they tell a callback, and holds what was told against what was acknowledged. */
export async function tellThroughKills(given: CallbackKills): Promise<void> {
  const { receiver, path, kills, people, concurrency } = given
  const acknowledged: string[] = []
  for (let round = 0; round <= kills; round++) {
    const server = await given.server(round)
    const before = receiver.got.length
    for (let each = 0; each < MESSAGES; each++) {
      const text = String(acknowledged.length)
      const values = new URLSearchParams({ identity: `2547000${acknowledged.length % people}`, text })
      const answer = await fetch(`${server.url}${path}?${values}`)
      expect(answer.status).to.equal(200)
      acknowledged.push(text)
    }
    await until('something is told', () => receiver.got.length > before, WAIT_MS)
    if (round < kills) await server.stop('SIGKILL')
    else {
      const all = () => new Set(receiver.got.map(({ message }) => message.text)).size === acknowledged.length
      await until('all is told', all, WAIT_MS)
      await server.stop()
    }
  }
  const once = firsts(receiver.got)
  expect(once.map(({ message }) => message.text)).to.have.members(acknowledged)
  expectOrdered(once)
  const repeats = receiver.got.length - once.length
  console.log(`      ${acknowledged.length} told, ${repeats} of them twice`)
  expect(repeats).to.be.at.most(kills * concurrency)
}
