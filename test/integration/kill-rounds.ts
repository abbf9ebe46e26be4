import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createSite, type Site } from '../support/server-process.ts'
import { until } from '../support/until.ts'
import { type Client, createClient } from './client.ts'
import type { Random } from './random.ts'
import { type Recorder, recorderParams, startRecorder } from './recorder.ts'
import { isQuiet, type Records, readRecords, readRemains } from './records.ts'

export interface KillPlan {
  readonly rounds: number
  readonly random: Random
  readonly unknownOutcome: 'retry' | 'settle'
  /** People whose service repeats a message with its id until it is answered 200. */
  readonly repeating: number
  /** People whose service gives no ids and never repeats. */
  readonly plain: number
  /** The longest the far side takes for one message, in milliseconds. */
  readonly slowness: number
}

/** One line that the app wrote while it worked on a message. */
export interface PhaseLine {
  readonly round: number
  readonly what: 'begin' | 'end'
  readonly id: string
  readonly identity: string
}

/** What is known after all rounds, when nothing is left to do. */
export interface Evidence {
  readonly records: Records
  /** What the killed servers left, in the order of the kills. */
  readonly remains: readonly Records[]
  /** Texts answered 200. */
  readonly acknowledged: ReadonlySet<string>
  /** Texts sent once, whose answer never came. */
  readonly unanswered: ReadonlySet<string>
  /** Statuses other than 200, which a kill does not excuse. */
  readonly otherStatuses: readonly number[]
  readonly phases: readonly PhaseLine[]
  readonly received: Recorder['received']
}

const QUIET_LIMIT_MS = 45_000

/** Kills the server again and again while people write, then lets it finish. */
export async function killRounds(plan: KillPlan): Promise<Evidence> {
  const { random, slowness } = plan
  const recorder = await startRecorder(async () => {
    await pause(random.between(0, slowness))
    return 200
  })
  const site = createSite({ settings: settingsFor(recorder.url, plan.unknownOutcome) })
  const client = createClient()
  const crowd = new Crowd(client, random)
  const remains: Records[] = []
  try {
    const writing = crowd.write(plan)
    for (let round = 0; round < plan.rounds; round++) {
      await killedRound(site, round, random, crowd)
      remains.push(readRemains(site.database))
    }
    const last = await site.start({ ROUND: String(plan.rounds) })
    crowd.stop()
    crowd.serve(last.url)
    await writing
    await until('everything is worked', () => isQuiet(site.database), QUIET_LIMIT_MS)
    const records = readRecords(site.database)
    await last.stop()
    const { acknowledged, unanswered, otherStatuses } = crowd
    const phases = readPhases(site.folder)
    return { records, remains, acknowledged, unanswered, otherStatuses, phases, received: recorder.received }
  } finally {
    crowd.stop()
    await client.close()
    await recorder.close()
    site.remove()
  }
}

/** Starts the server and kills it at a random moment while it takes and works messages. */
async function killedRound(site: Site, round: number, random: Random, crowd: Crowd): Promise<void> {
  const server = await site.start({ ROUND: String(round) })
  const before = crowd.acknowledged.size
  crowd.serve(server.url)
  await until('the first answer', () => crowd.acknowledged.size > before, QUIET_LIMIT_MS)
  await pause(random.between(20, 350))
  crowd.away()
  await server.stop('SIGKILL')
}

/** People who write numbered messages, one after the other, through whichever server is there. */
class Crowd {
  readonly acknowledged = new Set<string>()
  readonly unanswered = new Set<string>()
  readonly otherStatuses: number[] = []
  readonly #client: Client
  readonly #random: Random
  #url: string | undefined
  #stopped = false
  #arrived: (() => void)[] = []

  constructor(client: Client, random: Random) {
    this.#client = client
    this.#random = random
  }

  serve(url: string): void {
    this.#url = `${url}/backends/far/`
    for (const arrived of this.#arrived.splice(0)) arrived()
  }

  away(): void {
    this.#url = undefined
  }

  stop(): void {
    this.#stopped = true
  }

  async write({ repeating, plain }: KillPlan): Promise<void> {
    const people = [
      ...Array.from({ length: repeating }, (_, index) => this.#person(`2547000${index}`, true)),
      ...Array.from({ length: plain }, (_, index) => this.#person(`2548000${index}`, false)),
    ]
    await Promise.all(people)
  }

  async #person(identity: string, repeats: boolean): Promise<void> {
    for (let number = 1; !this.#stopped; number++) {
      const text = `${identity} ${number}`
      const ids = repeats ? { externalId: text } : {}
      while (!(await this.#isTaken({ identity, text, ...ids }))) {
        if (repeats) continue
        this.unanswered.add(text)
        break
      }
      await pause(this.#random.between(0, 25))
    }
  }

  async #isTaken(values: Readonly<Record<string, string>>): Promise<boolean> {
    const url = this.#url ?? (await this.#nextUrl())
    let status: number
    try {
      status = (await this.#client.post(url, values)).status
    } catch {
      // The server was killed: whether it has taken the message cannot be known.
      await pause(10)
      return false
    }
    if (status === 200) this.acknowledged.add(values['text'] ?? '')
    else this.otherStatuses.push(status)
    return status === 200
  }

  async #nextUrl(): Promise<string> {
    while (this.#url === undefined) await new Promise<void>((resolve) => this.#arrived.push(resolve))
    return this.#url
  }
}

function settingsFor(url: string, unknownOutcome: string): string {
  return `
    import { appendFileSync } from 'node:fs'
    import { setTimeout as pause } from 'node:timers/promises'
    import { defineApp, defineSettings } from 'sms-switchboard'
    import { httpBackend } from 'sms-switchboard/backends'

    const note = (what, { id, identity }) =>
      appendFileSync('phases.log', [process.env.ROUND, what, id, identity].join(' ') + '\\n')

    const answers = defineApp({
      name: 'answers',
      async handle(message) {
        note('begin', message)
        await pause(Math.random() * 5)
        return message.respond('re ' + message.text)
      },
      cleanup(message) {
        note('end', message)
      },
    })

    export default defineSettings({
      backends: {
        far: httpBackend({
          send: { url: ${JSON.stringify(url)}, params: ${JSON.stringify(recorderParams)} },
          sending: { unknownOutcome: '${unknownOutcome}', concurrency: 16, firstDelay: 20 },
        }),
      },
      apps: [answers],
    })
  `
}

function readPhases(folder: string): PhaseLine[] {
  const lines = readFileSync(join(folder, 'phases.log'), 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const [round = '', what = '', id = '', identity = ''] = line.split(' ')
    return { round: Number(round), what: what === 'begin' ? 'begin' : 'end', id, identity }
  })
}
