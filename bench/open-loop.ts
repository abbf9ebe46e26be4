import { setTimeout as delay } from 'node:timers/promises'
import { Connection } from './connection.ts'
import type { LoopResult, OpenOrder } from './load-order.ts'
import { Times } from './percentiles.ts'
import { ReplyWatch } from './reply-watch.ts'
import { requestBytes } from './requests.ts'

const LAST_ANSWERS_MS = 10_000

/**
 * Sends at a fixed rate. Times count from when a request was due, not from when it could be written: a server that
 * stalls is charged for all whom it kept waiting.
 */
export async function openLoop(order: OpenOrder): Promise<LoopResult> {
  const run = new OpenRun(order)
  const watch = order.database === undefined ? undefined : new ReplyWatch(order.database, run.dueTimes)
  const began = performance.now()
  const end = began + order.seconds * 1000
  const gap = 1000 / order.perSecond
  for (let number = 0; began + number * gap < end; number++) {
    const due = began + number * gap
    while (performance.now() < due) {
      watch?.look()
      await delay(1)
    }
    run.send(number, due)
  }
  const deadline = performance.now() + LAST_ANSWERS_MS
  while ((run.isWaiting || (watch?.missing ?? 0) > 0) && performance.now() < deadline) {
    watch?.look()
    await delay(1)
  }
  run.close()
  const seconds = (performance.now() - began) / 1000
  const latency = run.latency.summary()
  const result = { accepted: latency.count, refused: run.refused, seconds, latency }
  return watch === undefined ? result : { ...result, roundTrip: watch.close(), missing: watch.missing }
}

class OpenRun {
  readonly latency = new Times()
  readonly refused: Record<number, number> = {}
  /** When the request with a number was due, until its reply has been seen. */
  readonly dueTimes = new Map<number, number>()
  readonly #order: OpenOrder
  readonly #all: Connection[]
  readonly #idle: Connection[]
  readonly #queued: { number: number; due: number }[] = []

  constructor(order: OpenOrder) {
    this.#order = order
    const onAnswer = (connection: Connection, status: number) => this.#answered(connection, status)
    this.#all = Array.from({ length: order.connections }, () => new Connection(order.port, onAnswer))
    this.#idle = [...this.#all]
  }

  get isWaiting(): boolean {
    return this.#idle.length < this.#all.length
  }

  send(number: number, due: number): void {
    if (this.#order.database !== undefined) this.dueTimes.set(number, due)
    const connection = this.#idle.pop()
    if (connection === undefined) this.#queued.push({ number, due })
    else this.#sendOn(connection, number, due)
  }

  close(): void {
    for (const connection of this.#all) connection.close()
  }

  #sendOn(connection: Connection, number: number, due: number): void {
    const { path, people } = this.#order
    connection.due = due
    connection.tag = number
    connection.send(requestBytes(path, number % people, number))
  }

  #answered(connection: Connection, status: number): void {
    if (status === 200) this.latency.add(performance.now() - connection.due)
    else {
      this.refused[status] = (this.refused[status] ?? 0) + 1
      this.dueTimes.delete(connection.tag)
    }
    const next = this.#queued.shift()
    if (next === undefined) this.#idle.push(connection)
    else this.#sendOn(connection, next.number, next.due)
  }
}
