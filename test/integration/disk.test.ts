import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Exit, RunningServer } from '../support/process.ts'
import { createSite, type Site } from '../support/server-process.ts'
import { skip } from '../support/skip.ts'
import { until } from '../support/until.ts'
import { type Answer, type Client, createClient } from './client.ts'
import { type Impossible, type Outage, refusedWrites, smallDisk } from './outages.ts'
import { type Recorder, recorderParams, startRecorder } from './recorder.ts'
import { isQuiet, type Records, readRecords } from './records.ts'

const LIMIT_MS = 60_000
const RUN_OF_REFUSALS = 30
const WRITERS = 8
const HELD = ['held-1', 'held-2', 'held-3']
const IN_HAND = ['slow-1', 'slow-2', 'slow-3']

const outages: readonly { name: string; make: () => Outage | Impossible }[] = [
  { name: 'a full disk', make: () => smallDisk(16) },
  { name: 'a disk that can only be read', make: refusedWrites },
]

describe('failing disks', () => {
  for (const { name, make } of outages) {
    describe(name, () => {
      let story: Story

      before(async function () {
        this.timeout(LIMIT_MS)
        const outage = make()
        if ('reason' in outage) skip(this, outage.reason)
        story = await tellStory(outage)
      })

      it('answers 503 with Retry-After, and nothing else but 200', () => {
        const statuses = new Set(story.answers.map(({ status }) => status))
        expect([...statuses]).to.have.members([200, 503])
        const refused = story.answers.filter(({ status }) => status === 503)
        expect(refused.filter(({ headers }) => Number(headers['retry-after']) > 0)).to.have.lengthOf(refused.length)
      })

      it('is alive but not ready meanwhile, and says that it is the store', () => {
        expect(story.health.status).to.equal(200)
        expect(story.ready.status).to.equal(503)
        expect(JSON.parse(story.ready.body)).to.include({ status: 'unavailable', store: 'unavailable', queue: 'ok' })
      })

      it('has everything that was answered 200, processed and answered once', () => {
        const taken = story.answers.filter(({ status }) => status === 200).map(({ text }) => text)
        const processed = story.records.incoming.filter(({ state }) => state === 'PROCESSED').map(({ text }) => text)
        expect(processed).to.have.lengthOf(new Set(processed).size)
        expect(processed).to.include.members(taken)
        const sent = story.records.outgoing.filter(({ state }) => state === 'SENT').map(({ text }) => text)
        expect(sent).to.have.members(processed.map((text) => `re ${text}`))
      })

      it('has nothing that was answered 503, until it came again', () => {
        const taken = new Set(story.answers.filter(({ status }) => status === 200).map(({ text }) => text))
        expect(story.records.incoming.filter(({ text }) => !taken.has(text))).to.deep.equal([])
        expect(taken).to.include.keys(...story.cameAgain)
      })

      it('keeps what attempts came to while it could not be recorded: nothing is sent twice', () => {
        expect(story.openDuringOutage, 'attempts open in the store before it could write again').to.have.members(HELD)
        const ids = story.received.map(({ id }) => id)
        expect(ids).to.have.lengthOf(new Set(ids).size)
        const held = story.records.outgoing.filter(({ identity }) => HELD.includes(identity))
        expect(held.map(({ state, tries }) => `${state} ${tries}`)).to.deep.equal(HELD.map(() => 'SENT 1'))
      })

      it('finishes what was in the hands of an app', () => {
        const inHand = story.records.incoming.filter(({ identity }) => IN_HAND.includes(identity))
        expect(inHand.map(({ state }) => state)).to.deep.equal(IN_HAND.map(() => 'PROCESSED'))
      })

      it('knows the connection of everyone who wrote', () => {
        const unknown = story.records.incoming.filter(
          ({ identity }) => !story.records.connections.has(`far ${identity}`),
        )
        expect(unknown).to.deep.equal([])
      })

      it('does not fall over', () => {
        expect(story.exit, story.exit.stderr).to.include({ code: 0, signal: null })
      })
    })
  }

  it('does not start on a database that can only be read, and goes on once it can be written', async function () {
    this.timeout(LIMIT_MS)
    const disk = smallDisk(16)
    if ('reason' in disk) skip(this, disk.reason)
    const recorder = await startRecorder()
    const client = createClient()
    const site = createSite({ settings: settingsFor(recorder), databaseFolder: disk.folder })
    try {
      await exchange(site, client, 'before')
      disk.setReadOnly(true)
      const { code, stderr } = await site.run('start')
      expect(code).to.equal(1)
      expect(stderr.trim().split('\n')).to.have.lengthOf(1)
      expect(stderr).to.include(site.database)
      disk.setReadOnly(false)
      await exchange(site, client, 'after')
      expect(recorder.textsTo('ann')).to.deep.equal(['re before', 're after'])
    } finally {
      await client.close()
      await recorder.close()
      disk.remove()
      site.remove()
    }
  })
})

/** Starts, sends one message, waits for the answer to arrive, stops. */
async function exchange(site: Site, client: Client, text: string): Promise<void> {
  const server = await site.start()
  const { status } = await client.post(`${server.url}/backends/far/`, { identity: 'ann', text })
  expect(status).to.equal(200)
  await until('the answer is sent', () => isQuiet(site.database))
  expect((await server.stop()).code).to.equal(0)
}

interface WrittenAnswer extends Answer {
  readonly text: string
}

/** What happened around one outage. */
interface Story {
  readonly answers: readonly WrittenAnswer[]
  /** Texts that were refused and came again. */
  readonly cameAgain: readonly string[]
  readonly health: Answer
  readonly ready: Answer
  readonly openDuringOutage: readonly string[]
  readonly records: Records
  readonly received: Recorder['received']
  readonly exit: Exit
}

async function tellStory(outage: Outage): Promise<Story> {
  const recorder = await startRecorder()
  const client = createClient()
  const site = createSite({ settings: settingsFor(recorder), databaseFolder: outage.folder })
  let server: RunningServer | undefined
  try {
    server = await site.start(outage.env)
    const writers = new Writers(client, `${server.url}/backends/far/`)
    await writers.writeUntil(() => writers.answers.length >= 100)
    const during = await outageUnderLoad(outage, server.url, site, client, recorder, writers)
    const refused = writers.answers.filter(({ status }) => status === 503).map(({ text }) => text)
    const cameAgain = refused.slice(0, 100)
    for (const text of cameAgain) await writers.write(text)
    await until('everything is worked', () => isQuiet(site.database), 20_000)
    const records = readRecords(site.database)
    const exit = await server.stop()
    return { ...during, answers: writers.answers, cameAgain, records, received: recorder.received, exit }
  } finally {
    await server?.stop('SIGKILL')
    await client.close()
    await recorder.close()
    outage.remove()
    site.remove()
  }
}

async function outageUnderLoad(
  outage: Outage,
  url: string,
  site: Site,
  client: Client,
  recorder: Recorder,
  writers: Writers,
): Promise<Pick<Story, 'health' | 'ready' | 'openDuringOutage'>> {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  recorder.behave(async ({ identity }) => {
    if (HELD.includes(identity)) await released
    return 200
  })
  for (const identity of [...HELD, ...IN_HAND]) await writers.write(`${identity} 1`)
  await until('sends are in flight', () => HELD.every((identity) => recorder.textsTo(identity).length === 1))

  outage.begin()
  await writers.writeUntil(() => writers.refusedInARow >= RUN_OF_REFUSALS)
  const ready = await until('it is not ready', async () => {
    const answer = await client.get(`${url}/readyz`)
    return answer.status === 503 && answer
  })
  const health = await client.get(`${url}/healthz`)
  release()
  writeFileSync(join(site.folder, 'released'), '')
  const refused = writers.refusedInARow
  await writers.writeUntil(() => writers.refusedInARow >= refused + RUN_OF_REFUSALS)
  const openDuringOutage = readRecords(site.database)
    .outgoing.filter(({ attemptAt, identity }) => attemptAt !== null && HELD.includes(identity))
    .map(({ identity }) => identity)

  outage.end()
  await until('it is ready', async () => (await client.get(`${url}/readyz`)).status === 200)
  await writers.writeUntil(() => writers.takenInARow >= RUN_OF_REFUSALS)
  return { health, ready, openDuringOutage }
}

/** People who write one message each. */
class Writers {
  readonly answers: WrittenAnswer[] = []
  refusedInARow = 0
  takenInARow = 0
  readonly #client: Client
  readonly #url: string
  #number = 0

  constructor(client: Client, url: string) {
    this.#client = client
    this.#url = url
  }

  /** Writes from many sides at once until it is enough. */
  async writeUntil(isEnough: () => boolean): Promise<void> {
    const deadline = Date.now() + 20_000
    const writer = async () => {
      while (!isEnough()) {
        if (Date.now() > deadline) throw new Error(`not in time; the last answer was ${this.answers.at(-1)?.status}`)
        await this.write(`person-${this.#number++} 1 ${'x'.repeat(500)}`)
      }
    }
    await Promise.all(Array.from({ length: WRITERS }, writer))
  }

  async write(text: string): Promise<void> {
    const [identity = ''] = text.split(' ')
    const answer = await this.#client.post(this.#url, { identity, text })
    this.answers.push({ ...answer, text })
    this.refusedInARow = answer.status === 503 ? this.refusedInARow + 1 : 0
    this.takenInARow = answer.status === 200 ? this.takenInARow + 1 : 0
  }
}

/** A send that was not recorded would show as UNKNOWN; messages of slow people stay in the app until released. */
function settingsFor({ url }: Recorder): string {
  return `
    import { existsSync } from 'node:fs'
    import { setTimeout as pause } from 'node:timers/promises'
    import { defineApp, defineSettings } from 'sms-switchboard'
    import { httpBackend } from 'sms-switchboard/backends'

    const answers = defineApp({
      name: 'answers',
      async handle(message) {
        while (message.identity.startsWith('slow-') && !existsSync('released')) await pause(20)
        return message.respond('re ' + message.text)
      },
    })

    export default defineSettings({
      // Long texts fill the disk; that they cost many parts is not tried here.
      text: { maxParts: 255 },
      backends: {
        far: httpBackend({
          send: { url: ${JSON.stringify(url)}, params: ${JSON.stringify(recorderParams)} },
          sending: { unknownOutcome: 'settle', concurrency: 32 },
        }),
      },
      apps: [answers],
    })
  `
}
