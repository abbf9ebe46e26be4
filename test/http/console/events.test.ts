import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { echo } from '../../../src/apps/index.ts'
import { httptester } from '../../../src/backends/index.ts'
import { SESSION_LIFE_MS } from '../../../src/http/console/access.ts'
import { createSwitchboard, type Switchboard } from '../../../src/index.ts'
import { silentLogger } from '../../../src/messages/logger.ts'
import { enterConsole, openStream, type RawStream } from '../../support/console-client.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { until } from '../../support/until.ts'
import { serveWeb, type Web } from '../../support/web.ts'

// One part in ten minutes: the second message waits for as long as a test may last.
const slow = httptester({ sending: { partsPerSecond: 1 / 600 } })
const backends = { tester: httptester(), other: httptester(), slow }

interface Told {
  readonly event: string
  readonly data: { readonly identity?: string; readonly text?: string; readonly state?: string }
}

function eventsOf(stream: RawStream): readonly Told[] {
  return [...stream.text().matchAll(/event: (.*)\ndata: (.*)\n\n/g)].map(([, event = '', data = '']) => ({
    event,
    data: JSON.parse(data),
  }))
}

describe('the stream of a conversation', () => {
  let web: Web
  let cookie: string
  const streams: RawStream[] = []

  beforeEach(async () => {
    web = await serveWeb({ backends, apps: [echo()] })
    cookie = await enterConsole(web.switchboard.testerLink(web.url))
  })
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close()
    await web.stop()
  })

  async function open(backend = 'tester', url = web.url, session = cookie): Promise<RawStream> {
    const stream = await openStream(`${url}/console/tester/events?backend=${backend}`, { cookie: session })
    streams.push(stream)
    return stream
  }

  it('tells what was received, what became of it, and what was answered', async () => {
    const stream = await open()
    expect(stream.status).to.equal(200)
    expect(stream.headers['content-type']).to.equal('text/event-stream; charset=utf-8')
    await web.switchboard.router.receive('tester', { identity: '1', text: 'echo hello\nthere' })
    await until('the answer', () => eventsOf(stream).some(({ data }) => data.state === 'DELIVERED'))
    const told = eventsOf(stream)
    expect(new Set(told.map(({ event }) => event))).to.deep.equal(new Set(['message']))
    const last = new Map(told.map(({ data }) => [data.text, data.state]))
    await until('PROCESSED', () => eventsOf(stream).some(({ data }) => data.state === 'PROCESSED'))
    expect([...last.keys()]).to.deep.equal(['echo hello\nthere', 'hello\nthere'])
    expect(stream.text()).to.match(/^retry: 2000\n\n/)
  })

  it('tells of the messages of its own backend only, and of direct sends', async () => {
    const [one, other] = [await open('tester'), await open('other')]
    await web.switchboard.router.send({ to: { backend: 'other', identity: '2' }, text: 'direct' })
    await until('the message', () => eventsOf(other).some(({ data }) => data.state === 'DELIVERED'))
    expect(eventsOf(other).every(({ data }) => data.identity === '2' && data.text === 'direct')).to.equal(true)
    expect(eventsOf(one)).to.deep.equal([])
  })

  it('tells of an answer that has to wait', async () => {
    const stream = await open('slow')
    for (const text of ['echo first', 'echo second']) {
      await web.switchboard.router.receive('slow', { identity: '1', text })
    }
    await until('both answers', () => {
      const states = new Map(eventsOf(stream).map(({ data }) => [data.text, data.state]))
      return states.get('first') === 'DELIVERED' && states.get('second') === 'WAITING'
    })
  })

  it('says to load again instead of telling very much', async () => {
    const stream = await open()
    const { router } = web.switchboard
    await Promise.all(Array.from({ length: 200 }, (_, i) => router.receive('tester', { identity: '3', text: `x${i}` })))
    await until('reload', () => eventsOf(stream).some(({ event }) => event === 'reload'))
    expect(eventsOf(stream).length).to.be.lessThan(200)
  })

  it('costs nothing once nobody listens', async () => {
    const { signals } = web.switchboard.parts
    const before = subscribed(signals)
    const stream = await open()
    expect(subscribed(signals)).to.equal(before + 1)
    stream.close()
    await until('no listener', () => subscribed(signals) === before)
  })

  it('is refused without a session, of an unknown backend, and when there are too many', async () => {
    expect((await open('tester', web.url, 'switchboard=x')).status).to.equal(403)
    expect((await open('loop')).status).to.equal(400)
    const opened = []
    for (let i = 0; i < 33; i++) opened.push(await open())
    expect(opened.map(({ status }) => status)).to.deep.equal([...Array(32).fill(200), 503])
    opened[0]?.close()
    await until('room again', async () => (await open()).status === 200)
  })

  it('ends when the switchboard stops, so that its server can close; none is taken before the next start', async () => {
    const stream = await open()
    await web.switchboard.stop()
    await stream.ended
    expect((await open()).status).to.equal(503)
    await web.switchboard.start()
    expect((await open()).status).to.equal(200)
  })
})

describe('the stream of a conversation, as time goes by', () => {
  const clock = new FakeClock()
  let switchboard: Switchboard
  const server = createServer((request, response) => switchboard.callback()(request, response))
  let url: string

  before(async () => {
    const settings = { databaseUrl: 'sqlite::memory:', backends, apps: [] }
    switchboard = createSwitchboard(settings, { clock, logger: silentLogger })
    await switchboard.start()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(async () => {
    server.closeAllConnections()
    server.close()
    await switchboard.stop()
  })

  it('is kept alive by comments and ends with its session', async () => {
    const cookie = await enterConsole(switchboard.testerLink(url))
    const stream = await openStream(`${url}/console/tester/events?backend=tester`, { cookie })
    for (let beats = 1; beats <= 3; beats++) {
      await clock.advance(15_000)
      await until('a heartbeat', () => stream.text().split(': heartbeat\n\n').length - 1 === beats)
    }
    clock.jump(clock.now() + SESSION_LIFE_MS)
    await clock.advance(15_000)
    await stream.ended
    expect(stream.text().split(': heartbeat\n\n').length - 1).to.equal(3)
  })
})

/** How many channels somebody listens to: by the way, what a channel without anybody costs is one look into a map. */
function subscribed(signals: Switchboard['parts']['signals']): number {
  let count = 0
  for (const backend of Object.keys(backends)) count += hasListeners(signals, `conversation:${backend}`) ? 1 : 0
  return count
}

/** Asks by telling: a payload that looks itself up when a listener reads it. */
function hasListeners(signals: Switchboard['parts']['signals'], channel: string): boolean {
  let read = false
  const payload = {
    get id() {
      read = true
      return 'nobody'
    },
  }
  void signals.publish(channel, payload)
  return read
}
