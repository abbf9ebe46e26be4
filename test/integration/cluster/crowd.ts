import { setTimeout as pause } from 'node:timers/promises'
import type { Answer, Client } from '../client.ts'
import type { Random } from '../random.ts'

/** An answer that a message got. */
export interface Called {
  readonly text: string
  /** Undefined when the connection was refused or broke. */
  readonly status: number | undefined
  readonly retryAfter: string | undefined
  readonly error: string | undefined
  /** Milliseconds since 1970, and until the answer. */
  readonly at: number
  readonly took: number
}

export interface CrowdPlan {
  /** People whose service repeats a message with its id until it is answered 200. */
  readonly repeating: number
  /** People whose service gives no ids and never repeats. */
  readonly plain?: number
  /** The longest pause of a person between two messages, in milliseconds. */
  readonly pause?: number
}

const AFTER_FAILURE_MS = 25

/** People who write numbered messages, one after the other, each to any server that is there. */
export class Crowd {
  readonly acknowledged = new Set<string>()
  /** Texts sent once and not answered 200. */
  readonly unanswered = new Set<string>()
  /** All that was not 200, and whatever took long. */
  readonly troubles: Called[] = []
  readonly #client: Client
  readonly #random: Random
  readonly #urls: () => readonly string[]
  #longest = 0
  #stopped = false
  #done: Promise<unknown> = Promise.resolve()

  /** @param urls the servers that take messages now */
  constructor(client: Client, random: Random, urls: () => readonly string[]) {
    this.#client = client
    this.#random = random
    this.#urls = urls
  }

  /** Milliseconds that the slowest answer took since this was asked last. */
  takeLongest(): number {
    const longest = this.#longest
    this.#longest = 0
    return longest
  }

  write({ repeating, plain = 0, pause: rest = 400 }: CrowdPlan): void {
    const people = [
      ...Array.from({ length: repeating }, (_, index) => this.#person(`25470${1000 + index}`, true, rest)),
      ...Array.from({ length: plain }, (_, index) => this.#person(`25480${1000 + index}`, false, rest)),
    ]
    this.#done = Promise.all(people)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }

  async #person(identity: string, repeats: boolean, rest: number): Promise<void> {
    for (let number = 1; !this.#stopped; number++) {
      const text = `${identity} ${number}`
      const ids = repeats ? { externalId: text } : {}
      while (!(await this.#isTaken({ identity, text, ...ids }))) {
        await pause(AFTER_FAILURE_MS)
        if (repeats) continue
        this.unanswered.add(text)
        break
      }
      await pause(this.#random.between(0, rest))
    }
  }

  async #isTaken(values: { readonly text: string } & Readonly<Record<string, string>>): Promise<boolean> {
    const { text } = values
    const urls = this.#urls()
    const url = urls[this.#random.between(0, urls.length)]
    if (url === undefined) return false
    const at = Date.now()
    const { answer, error } = await this.#call(`${url}/backends/far/`, values)
    const took = Date.now() - at
    this.#longest = Math.max(this.#longest, took)
    if (answer?.status === 200) {
      this.acknowledged.add(text)
      return true
    }
    const retryAfter = answer?.headers['retry-after']?.toString()
    this.troubles.push({ text, status: answer?.status, retryAfter, error, at, took })
    return false
  }

  async #call(url: string, values: Readonly<Record<string, string>>): Promise<{ answer?: Answer; error?: string }> {
    try {
      return { answer: await this.#client.post(url, values) }
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      return { error: `${code} ${error instanceof Error ? error.message : error}` }
    }
  }
}
