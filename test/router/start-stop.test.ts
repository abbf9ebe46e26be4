import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect } from 'chai'
import { type App, createSwitchboard, defineBackend, type IncomingMessage } from 'sms-switchboard'
import { keyword } from 'sms-switchboard/apps'
import { nullBackend } from 'sms-switchboard/backends'
import { type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { silentLogger } from '../../src/messages/logger.ts'
import { rejection } from '../support/rejection.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { until } from '../support/until.ts'

describe('start and stop', () => {
  let t: TestSwitchboard | undefined
  afterEach(async () => {
    await t?.stop()
    t = undefined
  })

  const part = (name: string, trace: string[], fails?: 'start' | 'stop') => ({
    name,
    async start() {
      trace.push(`start ${name}`)
      if (fails === 'start') throw new Error(`${name} does not start`)
    },
    async stop() {
      trace.push(`stop ${name}`)
      if (fails === 'stop') throw new Error(`${name} does not stop`)
    },
  })
  const backend = (name: string, trace: string[]) =>
    defineBackend({ kind: name, settings: z.strictObject({}), ...part(name, trace) })()

  it('run over the apps in their order, then the backends; and back', async () => {
    const trace: string[] = []
    t = await testSwitchboard({
      apps: [part('a', trace), part('b', trace)],
      backends: { x: backend('x', trace), y: backend('y', trace) },
    })
    expect(trace.splice(0)).to.deep.equal(['start a', 'start b', 'start x', 'start y'])
    await t.stop()
    expect(trace).to.deep.equal(['stop y', 'stop x', 'stop b', 'stop a'])
  })

  it('give the apps a logger', async () => {
    const app: App = { name: 'a', start: ({ logger }) => logger.info({ shop: 'open' }, 'ready') }
    t = await testSwitchboard({ apps: [app] })
    expect(t.logs[0]).to.deep.include({ level: 'info', message: 'ready', fields: { shop: 'open' } })
  })

  it('stop again what has started, when one does not start', async () => {
    const trace: string[] = []
    const apps = [part('a', trace), part('b', trace, 'start'), part('c', trace)]
    const error = await rejection(testSwitchboard({ apps }))
    expect(error).to.have.property('message', 'b does not start')
    expect(trace).to.deep.equal(['start a', 'start b', 'stop a'])
  })

  it('leave the database to others, when one does not start', async () => {
    const folder = tempFolder()
    const settings = { databaseUrl: `sqlite:${join(folder.path, 'a.db')}`, backends: { quiet: nullBackend() } }
    const broken = createSwitchboard({ ...settings, apps: [part('a', [], 'start')] }, { logger: silentLogger })
    await rejection(broken.start())
    const other = createSwitchboard({ ...settings, apps: [] }, { logger: silentLogger })
    try {
      await other.start()
    } finally {
      await other.stop()
      await broken.stop()
      folder.remove()
    }
  })

  it('stop the others, when one does not stop', async () => {
    const trace: string[] = []
    t = await testSwitchboard({ apps: [part('a', trace), part('b', trace, 'stop'), part('c', trace)] })
    await t.stop()
    expect(trace.slice(3)).to.deep.equal(['stop c', 'stop b', 'stop a'])
    expect(t.logs.filter(({ level }) => level === 'error')).to.have.length(1)
  })

  it('may be repeated', async () => {
    const trace: string[] = []
    const switchboard = createSwitchboard(
      { databaseUrl: 'sqlite::memory:', apps: [part('a', trace)], backends: { quiet: nullBackend() } },
      { logger: silentLogger },
    )
    for (let round = 0; round < 2; round++) {
      await switchboard.start()
      await switchboard.start()
      await switchboard.stop()
      await switchboard.stop()
    }
    expect(trace).to.deep.equal(['start a', 'stop a', 'start a', 'stop a'])
  })

  describe('beside each other', () => {
    /** An app whose start ends when it is let go. */
    const slow = (trace: string[]) => {
      let go = () => {}
      const started = new Promise<void>((resolve) => {
        go = resolve
      })
      const app: App = { ...part('slow', trace), start: () => started }
      return { app, go: () => go() }
    }
    const switchboardOf = (...apps: App[]) =>
      createSwitchboard(
        {
          databaseUrl: 'sqlite::memory:',
          apps,
          backends: { quiet: nullBackend() },
          queue: { drain: 20 },
        },
        { logger: silentLogger },
      )

    it('stop once, and both who stop wait for it', async () => {
      const switchboard = switchboardOf()
      await switchboard.start()
      expect(switchboard.stop()).to.equal(switchboard.stop())
      expect(switchboard.router.stop()).to.equal(switchboard.router.stop())
      await switchboard.stop()
    })

    it('start once, and both who start wait for it', async () => {
      const trace: string[] = []
      const switchboard = switchboardOf(part('a', trace))
      await Promise.all([switchboard.start(), switchboard.start()])
      await switchboard.stop()
      expect(trace).to.deep.equal(['start a', 'stop a'])
    })

    it('a start that is stopped ends with NOT_RUNNING, and leaves nothing started', async () => {
      const trace: string[] = []
      const { app, go } = slow(trace)
      const switchboard = switchboardOf(part('a', trace), app, part('b', trace))
      const starting = rejection(switchboard.start())
      await until('the first app has started', () => trace.length > 0)
      const stopping = switchboard.stop()
      go()
      expect(await starting).to.have.property('code', 'NOT_RUNNING')
      await stopping
      expect(trace).to.deep.equal(['start a', 'stop slow', 'stop a'])
      const received = switchboard.router.receive('quiet', { identity: '1', text: 'a' })
      expect(await rejection(received)).to.have.property('code', 'NOT_RUNNING')
    })

    it('a start that hangs holds up no stop, and what ends late is stopped then', async () => {
      const trace: string[] = []
      const { app, go } = slow(trace)
      const switchboard = switchboardOf(part('a', trace), app)
      const starting = rejection(switchboard.start())
      await until('the first app has started', () => trace.length > 0)
      await switchboard.stop()
      expect(trace.splice(0)).to.deep.equal(['start a', 'stop a'])
      go()
      expect(await starting).to.have.property('code', 'NOT_RUNNING')
      expect(trace).to.deep.equal(['stop slow'])
    })

    it('a stop before the store is open leaves it closed', async () => {
      const switchboard = switchboardOf()
      const starting = rejection(switchboard.start())
      await switchboard.stop()
      expect(await starting).to.have.property('code', 'NOT_RUNNING')
      expect(await rejection(switchboard.parts.store.countOpenIncoming())).to.have.property('code', 'STORE_UNAVAILABLE')
    })

    it('a start while it stops is refused', async () => {
      const switchboard = switchboardOf()
      await switchboard.start()
      const stopping = switchboard.stop()
      expect(await rejection(switchboard.start())).to.have.property('code', 'NOT_RUNNING')
      await stopping
    })
  })

  it('tell when another server has taken over', async () => {
    const folder = tempFolder()
    const file = join(folder.path, 'a.db')
    t = await testSwitchboard({ apps: [], settings: { databaseUrl: `sqlite:${file}` } })
    const other = new Sqlite(file)
    other.exec("UPDATE counters SET value = value + 1 WHERE name = 'epoch'")
    other.close()
    const { router, store } = t
    try {
      await until('the store has heard of it', () =>
        store.countOpenIncoming().then(
          () => false,
          () => true,
        ),
      )
      await t.advance('60s')
      expect(await router.takenOver).to.have.property('code', 'TAKEN_OVER')
    } finally {
      await t.stop()
      folder.remove()
    }
  })

  it('take nothing before and after', async () => {
    t = await testSwitchboard({ apps: [] })
    await t.stop()
    for (const call of [
      t.router.receive('fake', { identity: '1', text: 'a' }),
      t.router.sendNow({ to: '1', text: 'a' }),
    ]) {
      expect(await rejection(call)).to.have.property('code', 'NOT_RUNNING')
    }
  })
})

describe('apps as classes', () => {
  class Counter {
    readonly name = 'counter'
    #count = 0
    async start() {
      this.#count = 10
    }
    handle(message: IncomingMessage) {
      this.#count++
      return message.respond(`${this.#count}`)
    }
  }

  for (const [what, app] of [
    ['a class', Counter],
    ['an instance', new Counter()],
  ] as const) {
    it(`keep their state, given as ${what}`, async () => {
      const t = await testSwitchboard({ apps: [app] })
      await t.script('1 > a\n1 < 11\n2 > b\n2 < 12')
      await t.stop()
    })
  }
})

describe('a keyword that two apps claim', () => {
  const warnings = async (...apps: App[]) => {
    const t = await testSwitchboard({ apps })
    await t.stop()
    return t.logs.filter(({ level }) => level === 'warn').map(({ fields }) => fields)
  }
  const nothing = () => undefined

  it('is told at start, with both their names', async () => {
    const found = await warnings(keyword('register|reg', nothing), keyword('REG|join', nothing, { name: 'other' }))
    expect(found).to.deep.equal([{ keyword: 'reg', apps: ['keyword:register', 'other'] }])
  })

  it('is told of nobody where all differ', async () => {
    expect(await warnings(keyword('a|b', nothing), keyword('c|ab', nothing))).to.deep.equal([])
  })

  it('is none where an app hears only some backends', async () => {
    const only = { backends: ['fake'] }
    expect(await warnings(keyword('a', nothing), keyword('a', nothing, { name: 'other', only }))).to.deep.equal([])
  })
})
