import { writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { RunningServer } from '../support/process.ts'
import { createSite, type Site } from '../support/server-process.ts'
import { until } from '../support/until.ts'
import { type Answer, type Client, createClient, eachOf } from './client.ts'
import { type Recorder, recorderParams, startRecorder } from './recorder.ts'
import { countOpen, groupBy, isQuiet, readRecords, readRemains } from './records.ts'

const LIMIT_MS = 60_000
const DRAIN_MS = 1_500
/** What ends within the limit of the drain may take this much longer on a busy machine. */
const GRACE_MS = 4_000
const BACKLOG = 50

describe('stopping and overload', function () {
  this.timeout(LIMIT_MS)
  let recorder: Recorder
  let client: Client
  let site: Site
  let server: RunningServer

  beforeEach(async () => {
    recorder = await startRecorder()
    client = createClient()
    site = createSite({ settings: settingsFor(recorder) })
    server = await site.start()
  })

  afterEach(async () => {
    await server.stop('SIGKILL')
    await client.close()
    await recorder.close()
    site.remove()
  })

  const write = (identity: string, text: string): Promise<Answer> =>
    client.post(`${server.url}/backends/far/`, { identity, text })

  it('loses nothing accepted when it is told to stop under load, and answers what is in flight', async () => {
    const crowd = writeOn(write)
    await until('there is load', () => crowd.acknowledged.length > 200)
    const ended = await server.stop('SIGTERM')
    crowd.stop()
    await crowd.done
    expect(ended, ended.stdout + ended.stderr).to.include({ code: 0, signal: null })
    expect(crowd.otherStatuses.filter((status) => status !== 503)).to.deep.equal([])
    const left = readRemains(site.database)
    expect(left.outgoing.filter(({ attemptAt }) => attemptAt !== null)).to.deep.equal([])

    server = await site.start()
    await until('the rest is worked', () => isQuiet(site.database), 20_000)
    const { incoming, outgoing } = readRecords(site.database)
    const unanswered = incoming.filter(({ text }) => !crowd.acknowledged.includes(text))
    expect(unanswered, 'taken and not answered').to.deep.equal([])
    expect(incoming).to.have.lengthOf(crowd.acknowledged.length)
    expect(incoming.filter(({ state }) => state !== 'PROCESSED')).to.deep.equal([])
    expect(outgoing.map(({ text, state }) => `${text} ${state}`)).to.have.members(
      crowd.acknowledged.map((text) => `re ${text} SENT`),
    )
    const twice = [...groupBy(recorder.received, ({ id }) => id).values()].filter(({ length }) => length > 1)
    expect(twice).to.deep.equal([])
  })

  it('answers a request whose body was on its way when it was told to stop', async () => {
    const body = new URLSearchParams({ identity: 'late', text: 'late' }).toString()
    const answer = await halfRequest(server, body, async () => {
      server.child.kill('SIGTERM')
      await pause(200)
    })
    expect(answer).to.match(/^HTTP\/1\.1 (200|503) /)
    expect(await server.exited).to.include({ code: 0 })
    const recorded = readRemains(site.database).incoming.map(({ text }) => text)
    expect(recorded).to.deep.equal(answer.startsWith('HTTP/1.1 200') ? ['late'] : [])
  })

  const holding: readonly { name: string; text: string }[] = [
    { name: 'an app that hangs', text: 'hang' },
    { name: 'an app that hangs and keeps a timer', text: 'wait' },
    { name: 'a far side that never answers', text: 'silence' },
  ]
  for (const { name, text } of holding) {
    it(`is not held up by ${name} longer than queue.drain`, async () => {
      recorder.behave((reception) => (reception.text === 're silence' ? 'hang' : 200))
      expect((await write('ann', text)).status).to.equal(200)
      await until('it is in hand', () =>
        text === 'silence' ? recorder.received.length > 0 : server.stdout().includes('in hand'),
      )
      const began = Date.now()
      const { code, signal } = await server.stop('SIGTERM', DRAIN_MS + GRACE_MS)
      expect({ code, signal }).to.deep.equal({ code: 0, signal: null })
      expect(Date.now() - began).to.be.at.least(DRAIN_MS - 50)
      const [message] = readRemains(site.database).incoming
      expect(message?.state).to.equal(text === 'silence' ? 'PROCESSED' : 'RECEIVED')
    })
  }

  it('is not held up by an app or backend whose stop hangs', async () => {
    expect((await write('ann', 'never stop')).status).to.equal(200)
    await until('the app knows', () => isQuiet(site.database))
    const { code, signal } = await server.stop('SIGTERM', DRAIN_MS + GRACE_MS)
    expect({ code, signal }).to.deep.equal({ code: 0, signal: null })
  })

  it('ends at once when Ctrl-C is pressed again, and loses nothing by it', async () => {
    await server.stop()
    server = await site.start({ DRAIN: '30000' })
    expect((await write('ann', 'hang')).status).to.equal(200)
    await until('it is in hand', () => server.stdout().includes('in hand'))
    server.child.kill('SIGTERM')
    await until('it takes nothing more', () =>
      client.get(`${server.url}/healthz`).then(
        () => false,
        () => true,
      ),
    )
    const again = setInterval(() => server.child.kill('SIGINT'), 100)
    const { code, signal } = await server.exited.finally(() => clearInterval(again))
    expect({ code, signal }).to.deep.equal({ code: 130, signal: null })
    expect(readRemains(site.database).incoming.map(({ text, state }) => `${text} ${state}`)).to.deep.equal([
      'hang RECEIVED',
    ])
  })

  it('answers 503 with Retry-After at the door while too many wait, and works all that it has accepted', async () => {
    const answers: (Answer & { readonly text: string })[] = []
    const texts = Array.from({ length: BACKLOG * 3 }, (_, number) => `gate ${number}`)
    await eachOf(texts, 10, async (text) => {
      answers.push({ ...(await write(text, text)), text })
    })
    const taken = answers.filter(({ status }) => status === 200).map(({ text }) => text)
    const refused = answers.filter(({ status }) => status === 503)
    expect(taken.length + refused.length).to.equal(texts.length)
    expect(taken).to.have.lengthOf(BACKLOG)
    expect(refused.filter(({ headers }) => !(Number(headers['retry-after']) > 0))).to.deep.equal([])
    expect(countOpen(site.database).incoming).to.equal(BACKLOG)

    writeFileSync(join(site.folder, 'open'), '')
    await until('all accepted is worked', () => isQuiet(site.database), 20_000)
    const { incoming } = readRecords(site.database)
    expect(incoming.map(({ text, state }) => `${text} ${state}`)).to.have.members(
      taken.map((text) => `${text} PROCESSED`),
    )
    expect((await write('ann', 'again')).status).to.equal(200)
  })
})

interface Crowd {
  readonly acknowledged: string[]
  readonly otherStatuses: number[]
  readonly done: Promise<void>
  stop(): void
}

/** People who write until they are stopped; a stopped server refuses their connections. */
function writeOn(write: (identity: string, text: string) => Promise<Answer>): Crowd {
  const crowd = { acknowledged: [] as string[], otherStatuses: [] as number[] }
  const state = { stopped: false }
  const person = async (identity: string) => {
    for (let number = 1; !state.stopped; number++) {
      const text = `${identity} ${number}`
      try {
        const { status } = await write(identity, text)
        if (status === 200) crowd.acknowledged.push(text)
        else crowd.otherStatuses.push(status)
      } catch {
        await pause(50)
      }
    }
  }
  const done = Promise.all(Array.from({ length: 24 }, (_, index) => person(`person-${index}`))).then(() => {})
  return {
    ...crowd,
    done,
    stop: () => {
      state.stopped = true
    },
  }
}

/** Sends the first half of a request, does something, sends the rest; gives the answer. */
async function halfRequest(server: RunningServer, body: string, between: () => Promise<void>): Promise<string> {
  const { hostname, port } = new URL(server.url)
  const socket = createConnection(Number(port), hostname)
  const answer = new Promise<string>((resolve, reject) => {
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('close', () => resolve(text)).on('error', reject)
  })
  const half = Math.floor(body.length / 2)
  socket.write(
    `POST /backends/far/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, half)}`,
  )
  await pause(100)
  await between()
  socket.write(body.slice(half))
  return answer
}

function settingsFor({ url }: Recorder): string {
  return `
    import { existsSync } from 'node:fs'
    import { setTimeout as pause } from 'node:timers/promises'
    import { defineSettings } from 'sms-switchboard'
    import { httpBackend } from 'sms-switchboard/backends'

    const never = () => new Promise(() => {})
    let stops = true

    const app = {
      name: 'app',
      async handle(message) {
        const [word] = message.text.split(' ')
        if (word === 'hang' || word === 'wait') console.log('in hand')
        if (word === 'hang') await never()
        if (word === 'wait') await new Promise((resolve) => setTimeout(resolve, 3_600_000))
        if (word === 'never') stops = false
        while (word === 'gate' && !existsSync('open')) await pause(20)
        return message.respond('re ' + message.text)
      },
      stop: () => (stops ? undefined : never()),
    }

    export default defineSettings({
      queue: { drain: Number(process.env.DRAIN ?? ${DRAIN_MS}), backlog: ${BACKLOG} },
      appCalls: { timeLimit: 600_000, share: 4 },
      backends: {
        far: httpBackend({ send: { url: ${JSON.stringify(url)}, params: ${JSON.stringify(recorderParams)} } }),
      },
      apps: [app],
    })
  `
}
