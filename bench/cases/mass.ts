import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Observer } from '../counts.ts'
import type { TimesSummary } from '../percentiles.ts'
import { memoryOf } from '../process-usage.ts'
import type { Server } from '../server.ts'
import { MESSAGES_PATH, type Workbench } from '../workbench.ts'

/** Else the memory held says how lazily it is collected. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=96' }
const LOOK_MS = 200
/** Counting reads all that was sent so far. */
const COUNT_MS = 1_000
const INCOMING_PER_SECOND = 15
const CONNECTIONS = 16
const PEOPLE = 500
const SENT_WITHIN_MS = 900_000

/** One broadcast to so many. */
export interface MassRow {
  readonly recipients: number
  readonly takenPerSecond: number
  readonly sentPerSecond: number
  /** MiB at the most, of the command that takes recipients in and of the server that sends. */
  readonly commandMiB: number
  readonly serverMiB: number
  /** From when a message was due until its reply was sent, while the broadcast went out. */
  readonly replies: TimesSummary | undefined
  readonly missing: number
}

/** Case p: broadcasts from a file, the memory that they take, and the replies that overtake them. */
export async function measureMass(bench: Workbench, sizes: readonly number[]): Promise<readonly MassRow[]> {
  const rows: MassRow[] = []
  for (const recipients of sizes) rows.push(await measureOne(bench, recipients))
  return rows
}

async function measureOne(bench: Workbench, recipients: number): Promise<MassRow> {
  const file = join(bench.folder, `people-${recipients}.csv`)
  await writePeople(file, recipients)
  const { server, database } = await bench.startProduct({ settings: 'mass', env: SMALL_HEAP })
  const observer = bench.observe(database)
  const began = performance.now()
  const commandMiB = await takeIn(bench, file, database)
  const takenAt = performance.now()
  const sending = untilSent(observer, server, recipients)
  const load = await bench.generator.run({
    kind: 'open',
    port: server.port,
    path: MESSAGES_PATH,
    connections: CONNECTIONS,
    seconds: bench.scale.quick ? 2 : 10,
    people: PEOPLE,
    perSecond: INCOMING_PER_SECOND,
    database,
  })
  const { endedAt, serverMiB } = await sending
  observer.close()
  await bench.stop(server)
  return {
    recipients,
    takenPerSecond: (recipients / (takenAt - began)) * 1000,
    sentPerSecond: (recipients / (endedAt - takenAt)) * 1000,
    commandMiB,
    serverMiB,
    replies: load.roundTrip,
    missing: load.missing ?? 0,
  }
}

async function writePeople(file: string, recipients: number): Promise<void> {
  const stream = createWriteStream(file)
  stream.write('number,name\n')
  for (let person = 0; person < recipients; person++) {
    const isFree = stream.write(`+2547${String(person).padStart(8, '0')},Person ${person}\n`)
    if (!isFree) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'finish')
}

/** @returns the most memory that the command held, in MiB */
async function takeIn(bench: Workbench, file: string, database: string): Promise<number> {
  const args = [
    'broadcast',
    file,
    '--text',
    'Dear {{ name }}, come tomorrow.',
    '--settings',
    bench.settingsFile('mass'),
  ]
  const env = { ...process.env, ...SMALL_HEAP, DATABASE_URL: `sqlite:${database}` }
  const command = spawn(process.execPath, [bench.command, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  let isOver = false
  const ended = once(command, 'exit').finally(() => {
    isOver = true
  })
  let most = 0
  while (!isOver) {
    most = Math.max(most, memoryOf(command.pid ?? 0) ?? 0)
    await Promise.race([ended, delay(LOOK_MS)])
  }
  const [code] = await ended
  if (code !== 0) throw new Error(`the command broadcast ended with ${code}`)
  return most
}

async function untilSent(observer: Observer, server: Server, recipients: number) {
  const deadline = performance.now() + SENT_WITHIN_MS
  let serverMiB = 0
  while (observer.bulkSent() < recipients) {
    if (performance.now() > deadline) throw new Error('the broadcast was not sent within 15 minutes')
    serverMiB = Math.max(serverMiB, server.memory)
    await delay(COUNT_MS)
  }
  return { endedAt: performance.now(), serverMiB }
}
