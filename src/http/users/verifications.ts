import { fitsPassword } from './password-hash.ts'

/** Checks of passwords at one time: each takes a processor and tens of megabytes for some tenths of a second. */
const MOST_AT_ONCE = 1
const MOST_WAITING = 32
/** So that one client cannot fill the queue for all others. */
const MOST_OF_ONE = 4

/** What came of a check; `busy` when there was no room for it. */
export type Verdict = 'fits' | 'wrong' | 'busy'

export interface PasswordCheck {
  /** Stands for this password and this hash, and tells nothing of them. */
  readonly id: string
  /** Who asks. */
  readonly client: string
  /** The lowest goes first, and takes the place of the highest where there is no room. */
  readonly rank: number
  readonly password: string
  readonly hash: string
}

interface Job {
  rank: number
  readonly verdict: Promise<Verdict>
}

interface Waiting {
  readonly job: Job
  go(turn: 'now' | 'never'): void
}

/** Checks passwords, a few at a time, and equal ones that come together once. */
export class Verifications {
  readonly #underWay = new Map<string, Job>()
  readonly #perClient = new Map<string, number>()
  readonly #waiting = new Set<Waiting>()
  #running = 0

  async check(asked: PasswordCheck): Promise<Verdict> {
    const { id, client } = asked
    const same = this.#underWay.get(id)
    if (same !== undefined) {
      same.rank = Math.min(same.rank, asked.rank)
      return same.verdict
    }
    const ofClient = this.#perClient.get(client) ?? 0
    // What a client asks beside its first counts as if that had failed already.
    const rank = asked.rank + ofClient
    if (ofClient >= MOST_OF_ONE || !this.#madeRoom(rank)) return 'busy'
    this.#perClient.set(client, ofClient + 1)
    const { promise: verdict, resolve, reject } = deferred<Verdict>()
    const job: Job = { rank, verdict }
    this.#underWay.set(id, job)
    this.#run(job, asked)
      .finally(() => this.#ended(asked))
      .then(resolve, reject)
    return verdict
  }

  async #run(job: Job, { password, hash }: PasswordCheck): Promise<Verdict> {
    if (this.#running < MOST_AT_ONCE) this.#running++
    else if ((await this.#turn(job)) === 'never') return 'busy'
    try {
      return (await fitsPassword(password, hash)) ? 'fits' : 'wrong'
    } finally {
      const next = this.#first()
      if (next === undefined) this.#running--
      else next.go('now')
    }
  }

  #turn(job: Job): Promise<'now' | 'never'> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        job,
        go: (turn) => {
          this.#waiting.delete(waiting)
          resolve(turn)
        },
      }
      this.#waiting.add(waiting)
    })
  }

  /** Of equal ones the last is sent away. */
  #madeRoom(rank: number): boolean {
    if (this.#waiting.size < MOST_WAITING) return true
    let last: Waiting | undefined
    for (const each of this.#waiting) if (last === undefined || each.job.rank >= last.job.rank) last = each
    if (last === undefined || last.job.rank <= rank) return false
    last.go('never')
    return true
  }

  #first(): Waiting | undefined {
    let first: Waiting | undefined
    for (const each of this.#waiting) if (first === undefined || each.job.rank < first.job.rank) first = each
    return first
  }

  #ended({ id, client }: PasswordCheck): void {
    this.#underWay.delete(id)
    const left = (this.#perClient.get(client) ?? 1) - 1
    if (left === 0) this.#perClient.delete(client)
    else this.#perClient.set(client, left)
  }
}

function deferred<T>() {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  return { promise, resolve, reject }
}
