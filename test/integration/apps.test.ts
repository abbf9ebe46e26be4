import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { isLong } from '../support/long-tests.ts'
import type { RunningServer } from '../support/process.ts'
import { createSite, type Site } from '../support/server-process.ts'
import { until } from '../support/until.ts'
import { type Client, createClient, eachOf } from './client.ts'
import { type Recorder, recorderParams, startRecorder } from './recorder.ts'
import { countOpen, type IncomingRecord, isQuiet, readRecords } from './records.ts'

const LIMIT_MS = 90_000
const WAIT_MS = 30_000
const ATTEMPTS = 3
const FIRST_DELAY_MS = 200
const TIME_LIMIT_MS = 400
const ANSWERS = 1_000
const WAITING = isLong ? 10_000 : 3_000

/** Latencies are compared within one run; this much more is noise of a busy machine, while real harm takes seconds. */
const NOISE_MS = 75
const MEASURED = 150
const MEASUREMENTS = 8

describe('failing apps', function () {
  this.timeout(LIMIT_MS)
  let recorder: Recorder
  let client: Client
  let site: Site
  let server: RunningServer

  beforeEach(async () => {
    recorder = await startRecorder()
    client = createClient()
    site = createSite({ settings: settingsFor(recorder) })
  })

  afterEach(async () => {
    await server.stop('SIGKILL')
    await client.close()
    await recorder.close()
    site.remove()
  })

  const start = async (timeLimit: number) => {
    server = await site.start({ TIME_LIMIT: String(timeLimit) })
  }

  const write = async (identity: string, text: string, backend = 'far') => {
    const { status } = await client.post(`${server.url}/backends/${backend}/`, { identity, text })
    expect(status).to.equal(200)
  }

  const messagesOf = (identity: string): readonly IncomingRecord[] =>
    readRecords(site.database).incoming.filter((message) => message.identity === identity)

  const faults: readonly { name: string; text: string; error: RegExp }[] = [
    { name: 'throws', text: 'throw', error: /broken on purpose/ },
    { name: 'hangs', text: 'hang', error: new RegExp(`did not return within ${TIME_LIMIT_MS} ms`) },
  ]
  for (const { name, text, error } of faults) {
    it(`keeps what an app that ${name} cannot work, after bounded retries, and replays it`, async () => {
      await start(TIME_LIMIT_MS)
      const began = Date.now()
      await write('ann', text)
      await write('ann', 'later')
      await write('ben', 'hello')
      await until('ben is answered', () => recorder.textsTo('ben').length === 1, WAIT_MS)
      expect(messagesOf('ann').map(({ state }) => state)).to.deep.equal(['RECEIVED', 'RECEIVED'])

      await until('ann is done with', () => isQuiet(site.database), WAIT_MS)
      const elapsed = Date.now() - began
      const [failed, later] = messagesOf('ann')
      expect(failed).to.include({ state: 'FAILED', tries: ATTEMPTS })
      expect(failed?.error).to.match(error)
      expect(later).to.include({ state: 'PROCESSED' })
      // Half of each delay is certain, the other half is chance.
      expect(elapsed).to.be.at.least(FIRST_DELAY_MS / 2 + FIRST_DELAY_MS)
      expect(recorder.textsTo('ann')).to.deep.equal(['re later'])

      writeFileSync(join(site.folder, 'mended'), '')
      const { code, stdout, stderr } = await site.run('replay', failed?.id ?? '')
      expect(code, stdout + stderr).to.equal(0)
      await until('ann is answered', () => recorder.textsTo('ann').length === 2, WAIT_MS)
      await until('it is processed', () => isQuiet(site.database), WAIT_MS)
      expect(messagesOf('ann')[0]).to.include({ state: 'PROCESSED', error: null })
      expect(recorder.textsTo('ann')).to.deep.equal(['re later', `re ${text}`])
    })
  }

  it(`records all of ${ANSWERS} answers to one message, in order, and sends them in order`, async () => {
    await start(TIME_LIMIT_MS)
    await write('ann', `answers ${ANSWERS}`)
    await write('ann', 'last')
    await until('all is sent', () => isQuiet(site.database), WAIT_MS)
    const expected = [...Array.from({ length: ANSWERS }, (_, number) => `answer ${number}`), 're last']
    const { outgoing } = readRecords(site.database)
    expect(outgoing.map(({ text }) => text)).to.deep.equal(expected)
    expect(new Set(outgoing.map(({ state }) => state))).to.deep.equal(new Set(['SENT']))
    expect(recorder.textsTo('ann')).to.deep.equal(expected)
  })

  it('holds up nobody else while an app hangs for 30 s on the messages of many', async () => {
    await start(30_000)
    await compared(async () => {
      const people = Array.from({ length: 80 }, (_, number) => `hung-${number}`)
      await eachOf(people, 20, (identity) => write(identity, 'hang'))
      await eachOf(people, 20, (identity) => write(identity, 'later'))
    })
    const { incoming } = readRecords(site.database)
    const ofHung = incoming.filter(({ identity }) => identity.startsWith('hung-'))
    expect(
      ofHung.filter(({ state }) => state !== 'RECEIVED'),
      'messages behind a hung one',
    ).to.deep.equal([])
  })

  it(`lets ${WAITING} waiting messages of one person delay nobody else`, async () => {
    await start(30_000)
    await compared(async () => {
      const waiting = Array.from({ length: WAITING }, (_, number) => `gate ${number}`)
      await eachOf(waiting, 64, (text) => write('crowd', text, 'nowhere'))
      expect(countOpen(site.database).incoming).to.equal(WAITING)
      writeFileSync(join(site.folder, 'open'), '')
    })
    const states = messagesOf('crowd').map(({ state }) => state)
    const worked = states.indexOf('RECEIVED')
    expect(worked, 'worked when the others were done').to.be.greaterThan(0)
    expect(new Set(states.slice(worked)), 'what waits behind the first that waits').to.deep.equal(new Set(['RECEIVED']))
  })

  /** Measures the way there and back of other people's messages, does the harm, and measures again. */
  async function compared(harm: () => Promise<void>): Promise<void> {
    await latencies('warm')
    const without = percentile99(await latencies('before'))
    await harm()
    const limit = Math.max(2 * without, without + NOISE_MS)
    let least = Number.POSITIVE_INFINITY
    for (let round = 0; round < MEASUREMENTS && least > limit; round++) {
      least = Math.min(least, percentile99(await latencies(`during${round}`)))
    }
    expect(least, `p99 in ms, without the harm ${without}`).to.be.at.most(limit)
  }

  /** Milliseconds from the request to the arrival of the answer at the far side. */
  async function latencies(name: string): Promise<readonly number[]> {
    const sentAt = new Map<string, number>()
    const people = Array.from({ length: MEASURED }, (_, number) => `${name}-${number}`)
    await eachOf(people, 4, async (identity) => {
      sentAt.set(identity, Date.now())
      await write(identity, 'hello')
      await pause(5)
    })
    const arrived = () => recorder.received.filter(({ identity }) => sentAt.has(identity))
    await until('everyone is answered', () => arrived().length === MEASURED, WAIT_MS)
    return arrived().map(({ at, identity }) => at - (sentAt.get(identity) ?? 0))
  }
})

function percentile99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0
}

function settingsFor({ url }: Recorder): string {
  return `
    import { existsSync } from 'node:fs'
    import { setTimeout as pause } from 'node:timers/promises'
    import { defineSettings } from 'sms-switchboard'
    import { httpBackend } from 'sms-switchboard/backends'

    let isOpen = false
    const never = () => new Promise(() => {})
    const isMended = () => existsSync('mended')

    const ill = {
      name: 'ill',
      async handle({ text }) {
        if (text === 'hang' && !isMended()) await never()
        if (text === 'throw' && !isMended()) throw new Error('broken on purpose')
      },
    }
    const crowd = {
      name: 'crowd',
      async handle(message) {
        const [word, count] = message.text.split(' ')
        while (word === 'gate' && !isOpen) {
          isOpen = existsSync('open')
          await pause(20)
        }
        if (word !== 'answers') return
        for (let number = 0; number < Number(count); number++) message.respond('answer ' + number)
        return true
      },
    }

    export default defineSettings({
      appCalls: { timeLimit: Number(process.env.TIME_LIMIT ?? ${TIME_LIMIT_MS}) },
      retry: { attempts: ${ATTEMPTS}, firstDelay: ${FIRST_DELAY_MS} },
      backends: {
        far: httpBackend({
          send: { url: ${JSON.stringify(url)}, params: ${JSON.stringify(recorderParams)} },
          sending: { concurrency: 32 },
        }),
        nowhere: httpBackend({ send: async () => ({}) }),
      },
      apps: [ill, crowd, { name: 'answers', handle: (message) => message.respond('re ' + message.text) }],
    })
  `
}
