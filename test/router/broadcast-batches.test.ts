import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { type BatchOutcome, defineBackend, RequestError, ServerError } from 'sms-switchboard'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import type { BroadcastProgress } from '../../src/router/broadcast-request.ts'
import { until } from '../support/until.ts'

const LIMIT = 40
const PATIENCE_MS = 30_000

/** What the service is asked, and what it answers: a line for each message, `ok`, `busy` or `bad`. */
interface Far {
  readonly server: Server
  readonly asked: string[][]
  answer: (identities: readonly string[], response: ServerResponse) => void
}

const people = (count: number) => Array.from({ length: count }, (_, index) => `+2547${String(index).padStart(8, '0')}`)

const bulk = defineBackend({
  kind: 'bulk',
  settings: z.strictObject({ url: z.string() }),
  batchLimit: LIMIT,
  async sendBatch(messages, { http, settings }) {
    const body = JSON.stringify(messages.map(({ identity }) => identity))
    const response = await http.request({ method: 'POST', url: settings.url, body })
    if (response.status !== 200) throw new ServerError(`the service answered ${response.status}`)
    return response
      .text()
      .split('\n')
      .map((line): BatchOutcome => {
        if (line === 'ok') return { result: {} }
        return { error: line === 'busy' ? new ServerError('busy') : new RequestError('bad') }
      })
  },
})

describe('a broadcast over a service that takes batches', function () {
  this.timeout(2 * PATIENCE_MS)
  let t: TestSwitchboard
  let far: Far

  const oks = (identities: readonly string[]) => identities.map(() => 'ok').join('\n')
  const listen = async (): Promise<Far> => {
    const asked: string[][] = []
    const started: Far = { server: createServer(), asked, answer: (given, response) => response.end(oks(given)) }
    started.server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
      let body = ''
      for await (const chunk of request) body += chunk
      const identities = JSON.parse(body) as string[]
      asked.push(identities)
      started.answer(identities, response)
    })
    await new Promise<void>((resolve) => started.server.listen(0, '127.0.0.1', resolve))
    return started
  }
  const begin = async (sending = {}) => {
    far = await listen()
    const { port } = far.server.address() as AddressInfo
    t = await testSwitchboard({
      apps: [],
      backends: {
        bulk: bulk({ url: `http://127.0.0.1:${port}/`, sending: { concurrency: 2, firstDelay: 1_000, ...sending } }),
      },
    })
  }
  afterEach(async () => {
    await t.stop()
    far.server.closeAllConnections()
    await new Promise((resolve) => far.server.close(resolve))
  })

  const broadcast = async (count: number) => (await t.router.broadcast(people(count), { text: 'hello' })).id
  const progress = async (id: string): Promise<BroadcastProgress> => {
    const found = await t.router.broadcasts.find(id)
    if (found === undefined) throw new Error('the broadcast is not there')
    return found
  }
  const when = (what: string, isSo: () => boolean | Promise<boolean>, step = '100ms') =>
    until(
      what,
      async () => {
        await t.advance(step)
        return isSo()
      },
      PATIENCE_MS,
    )
  const givenTimes = () => {
    const times = new Map<string, number>()
    for (const identity of far.asked.flat()) times.set(identity, (times.get(identity) ?? 0) + 1)
    return times
  }

  it('fills its batches up to their limit', async () => {
    await begin()
    const id = await broadcast(200)
    await when('all sent', async () => (await progress(id)).sent === 200)
    expect(far.asked.flat()).to.have.members(people(200))
    expect(Math.max(...far.asked.map(({ length }) => length))).to.equal(LIMIT)
    expect(far.asked.length).to.be.at.most(8)
  })

  it('tries those alone again that a batch failed for', async () => {
    await begin()
    const busy = new Set(people(200).filter((_, index) => index % 10 === 3))
    const bad = new Set(people(200).filter((_, index) => index % 10 === 7))
    far.answer = (identities, response) => {
      const first = givenTimes()
      const lines = identities.map((one) =>
        bad.has(one) ? 'bad' : busy.has(one) && first.get(one) === 1 ? 'busy' : 'ok',
      )
      response.end(lines.join('\n'))
    }
    const id = await broadcast(200)
    await when('all settled', async () => (await progress(id)).state === 'DONE', '1s')
    expect(await progress(id)).to.deep.include({ sent: 180, failed: 20 })
    for (const [identity, times] of givenTimes()) expect(times, identity).to.equal(busy.has(identity) ? 2 : 1)
  })

  it('tries all again of a batch that failed as a whole', async () => {
    await begin()
    let refusals = 3
    far.answer = (identities, response) => {
      if (refusals-- > 0) response.writeHead(503).end()
      else response.end(oks(identities))
    }
    const id = await broadcast(120)
    await when('all settled', async () => (await progress(id)).state === 'DONE', '1s')
    expect((await progress(id)).sent).to.equal(120)
    const refused = new Set(far.asked.slice(0, 3).flat())
    for (const [identity, times] of givenTimes()) if (!refused.has(identity)) expect(times, identity).to.equal(1)
  })

  const cutFirst = () => {
    let cuts = 1
    far.answer = (identities, response) => {
      if (cuts-- > 0) response.socket?.destroy()
      else response.end(oks(identities))
    }
  }

  it('does not know what became of a batch whose connection was cut before the answer', async () => {
    await begin()
    cutFirst()
    const id = await broadcast(100)
    await when('all settled', async () => (await progress(id)).state === 'DONE', '1s')
    const cut = far.asked[0]?.length ?? 0
    expect(await progress(id)).to.deep.include({ unknown: cut, sent: 100 - cut })
    expect([...givenTimes().values()].every((times) => times === 1)).to.equal(true)
  })

  it('tries such a batch again where a repeat is better than a loss', async () => {
    await begin({ unknownOutcome: { bulk: 'retry' } })
    cutFirst()
    const id = await broadcast(100)
    await when('all settled', async () => (await progress(id)).state === 'DONE', '1s')
    expect((await progress(id)).sent).to.equal(100)
    const cut = new Set(far.asked[0])
    for (const [identity, times] of givenTimes()) expect(times, identity).to.equal(cut.has(identity) ? 2 : 1)
  })
})
