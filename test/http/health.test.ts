import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { httptester } from '../../src/backends/index.ts'
import { systemClock } from '../../src/messages/clock.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { MemoryQueue } from '../../src/queue/memory-queue.ts'
import { MemorySignals } from '../../src/queue/memory-signals.ts'
import { type CreateOptions, createSwitchboard, type Switchboard } from '../../src/settings/switchboard.ts'

/** A queue that is away: nothing of it answers. */
class LostQueue extends MemoryQueue {
  override async ping(): Promise<void> {
    throw new Error('the queue is away')
  }
}

describe('health', () => {
  let switchboard: Switchboard
  let server: Server

  async function serve(options: CreateOptions = {}): Promise<void> {
    const settings = { databaseUrl: 'sqlite::memory:', backends: { tester: httptester() }, apps: [] }
    switchboard = createSwitchboard(settings, { logger: silentLogger, ...options })
    server = createServer(switchboard.callback())
    await switchboard.start()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  }

  afterEach(async () => {
    server.close()
    server.closeAllConnections()
    await switchboard.stop()
  })

  async function ask(path: string, method = 'GET') {
    const { port } = server.address() as AddressInfo
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
    const text = await response.text()
    return { status: response.status, body: text === '' ? null : (JSON.parse(text) as unknown) }
  }

  it('says that the process is alive', async () => {
    await serve()
    expect(await ask('/healthz')).to.deep.equal({ status: 200, body: { status: 'ok' } })
    expect(await ask('/healthz', 'HEAD')).to.deep.equal({ status: 200, body: null })
  })

  it('says that store and queue answer', async () => {
    await serve()
    expect(await ask('/readyz')).to.deep.equal({ status: 200, body: { status: 'ok', store: 'ok', queue: 'ok' } })
  })

  it('names the store when it is away, while the process is alive', async () => {
    await serve()
    await switchboard.parts.store.close()
    expect(await ask('/readyz')).to.deep.equal({
      status: 503,
      body: { status: 'unavailable', store: 'unavailable', queue: 'ok' },
    })
    expect((await ask('/healthz')).status).to.equal(200)
  })

  it('is ready again by itself when the store is back', async () => {
    await serve()
    await switchboard.parts.store.close()
    await switchboard.parts.store.open()
    expect((await ask('/readyz')).status).to.equal(200)
  })

  it('names the queue when that is away', async () => {
    const poolOf = () => ({ name: 'all', concurrency: 1 })
    await serve({ queue: () => new LostQueue({ clock: systemClock, signals: new MemorySignals(systemClock), poolOf }) })
    expect(await ask('/readyz')).to.deep.equal({
      status: 503,
      body: { status: 'unavailable', store: 'ok', queue: 'unavailable' },
    })
  })
})
