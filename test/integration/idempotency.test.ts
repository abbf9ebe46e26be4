import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { expect } from 'chai'
import { built } from '../support/built.ts'
import { whyNoPostgres } from '../support/postgres.ts'
import { postgresDatabase } from '../support/postgres-store.ts'
import { type Running, startProcess } from '../support/process.ts'
import { skip } from '../support/skip.ts'
import { sqliteFile } from '../support/sqlite-store.ts'
import { until } from '../support/until.ts'

const SENDER = fileURLToPath(new URL('../support/keyed-sender.mjs', import.meta.url))
const KEYS = 40
const TIMES = 5
const KILLS = 4

interface Stored {
  readonly url: string
  /** How many messages there are, and how many of their texts differ. */
  count(): Promise<{ readonly messages: number; readonly texts: number; readonly keys: number }>
  remove(): Promise<void>
}

const COUNT = (table: string) => `SELECT count(*) AS messages, count(DISTINCT text) AS texts,
  (SELECT count(*) FROM idempotency_keys) AS keys FROM ${table}`

async function onSqlite(): Promise<Stored> {
  const file = sqliteFile()
  await (await file.open()).close()
  return {
    url: `sqlite:${file.file}`,
    async count() {
      const database = new Sqlite(file.file, { readonly: true })
      try {
        return database.prepare(COUNT('outgoing')).get() as Awaited<ReturnType<Stored['count']>>
      } finally {
        database.close()
      }
    },
    remove: () => file.remove(),
  }
}

async function onPostgres(): Promise<Stored> {
  const database = await postgresDatabase()
  return {
    url: database.url,
    async count() {
      const [row] = await database.run<Record<'messages' | 'texts' | 'keys', string>>(COUNT('outgoing_open'))
      return { messages: Number(row?.messages), texts: Number(row?.texts), keys: Number(row?.keys) }
    },
    remove: () => database.remove(),
  }
}

for (const [name, make] of [
  ['SQLite', onSqlite],
  ['PostgreSQL', onPostgres],
] as const) {
  describe(`idempotency keys of several processes on one ${name}`, function () {
    this.timeout(120_000)
    let stored: Stored
    const children: Running[] = []

    before(function () {
      const why = name === 'PostgreSQL' ? whyNoPostgres() : undefined
      if (why !== undefined) skip(this, why)
    })

    beforeEach(async () => {
      stored = await make()
    })

    afterEach(async () => {
      await Promise.all(children.splice(0).map((child) => child.stop('SIGKILL')))
      await stored.remove()
    })

    const start = (times: number) => {
      built()
      const child = startProcess(process.execPath, [SENDER, stored.url, `${KEYS}`, `${times}`])
      children.push(child)
      return child
    }
    const linesOf = (child: Running) =>
      [...child.stdout().matchAll(/^(k\d+) (\S+) (first|again)$/gm)].map(([, key = '', ids = '', which = '']) => {
        return { key, ids, which }
      })
    const idsByKey = (lines: readonly { readonly key: string; readonly ids: string }[]) => {
      const found = new Map<string, Set<string>>()
      for (const { key, ids } of lines) found.set(key, (found.get(key) ?? new Set()).add(ids))
      return found
    }
    const ended = async (child: Running) => {
      const { code, stderr } = await child.exited
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    }
    const whole = { messages: 2 * KEYS, texts: KEYS, keys: KEYS }

    it('come to one result, whoever asks, at the same time', async () => {
      const all = [start(TIMES), start(TIMES)]
      for (const child of all) await ended(child)
      const lines = all.flatMap(linesOf)
      expect(lines).to.have.length(2 * TIMES * KEYS)
      expect([...idsByKey(lines).values()].filter(({ size }) => size !== 1)).to.deep.equal([])
      expect(lines.filter(({ which }) => which === 'first')).to.have.length(KEYS)
      expect(await stored.count()).to.deep.equal(whole)
    })

    it('come to one result after kill -9, and nothing is lost or twice', async () => {
      const lines: ReturnType<typeof linesOf> = []
      for (let kill = 0; kill < KILLS; kill++) {
        const child = start(1)
        const least = Math.floor(((kill + 1) * KEYS) / (KILLS + 1))
        await until('it to send', () => linesOf(child).length >= least, 60_000)
        await child.stop('SIGKILL')
        lines.push(...linesOf(child))
        const { messages, texts, keys } = await stored.count()
        expect({ messages, texts }).to.deep.equal({ messages: 2 * keys, texts: keys })
      }
      const last = start(1)
      await ended(last)
      lines.push(...linesOf(last))
      expect([...idsByKey(lines).values()].filter(({ size }) => size !== 1)).to.deep.equal([])
      expect(await stored.count()).to.deep.equal(whole)
    })
  })
}
