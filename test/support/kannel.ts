import { once } from 'node:events'
import { accessSync, chmodSync, constants, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { percentDecoded } from '../../src/backends/body.ts'
import { parseUdh } from '../../src/messages/udh.ts'
import { type Running, startProcess } from './process.ts'
import { tempFolder } from './temp-folder.ts'
import { until } from './until.ts'

const FAKE_SMSC = '/usr/lib/kannel/test/fakesmsc'
const START_LIMIT_MS = 10_000
const STARTS = 3

/** A message as it arrived at a phone. */
export interface Arrived {
  readonly from: string
  readonly to: string
  readonly text: string
}

/** The network behind Kannel: its phones write, and get what is sent to them. There is one at a time. */
export interface FakeNetwork {
  /** What phones got, parts of long texts joined. */
  arrived(): readonly Arrived[]
  stop(): Promise<void>
}

/** A Kannel of a test's own: both boxes, on free ports, in a temporary folder. */
export interface TestKannel {
  readonly sendsmsUrl: string
  /** What `status.txt` says. */
  status(): Promise<string>
  /**
   * Connects the network, whose phones write each of these once.
   * @param messages as fakesmsc writes them: `+254700000001 8080 text hello`
   */
  network(...messages: readonly string[]): Promise<FakeNetwork>
  stop(): Promise<void>
}

export interface KannelOptions {
  /** Where messages go that come in, with Kannel's escapes. */
  readonly getUrl: string
  /** Whether UCS-2 becomes UTF-8 before it is handed on; Kannel's own default is false. */
  readonly moRecode?: boolean
  /** How many messages the answer to `getUrl` may become; 0 has it ignored. */
  readonly maxMessages?: number
  /** Seconds before a request that failed is made again. */
  readonly retryDelay?: number
}

export const kannelUser = { username: 'gw', password: 'kannel-s3cret' } as const

/** Why tests with Kannel cannot run here; undefined where they can. With CI=true what is missing is a failure. */
export function whyNoKannel(): string | undefined {
  const missing = [programOf('bearerbox'), programOf('smsbox'), FAKE_SMSC].filter((path) => !isProgram(path))
  if (missing.length === 0) return undefined
  const why = `${missing.join(', ')} is missing; it comes with: apt-get install -y kannel kannel-extras`
  if (process.env['CI'] === 'true') throw new Error(why)
  return why
}

/** Starts one, again on other ports where somebody else was faster to take them. */
export async function startKannel(options: KannelOptions): Promise<TestKannel> {
  for (let start = 1; ; start++) {
    try {
      return await tryToStart(options)
    } catch (error) {
      if (start === STARTS) throw error
    }
  }
}

async function tryToStart(options: KannelOptions): Promise<TestKannel> {
  const folder = tempFolder()
  const [admin = 0, box = 0, smsc = 0, sendsms = 0] = await freePorts(4)
  const boxes: Running[] = []
  const stop = async () => {
    // Killed: on SIGTERM both linger for seconds, and nothing here outlives its test.
    await Promise.all(boxes.map((each) => each.stop('SIGKILL')))
    folder.remove()
  }
  const status = async () => (await fetch(`http://127.0.0.1:${admin}/status.txt?password=st`)).text()
  const start = async (program: string, sign: string) => {
    const running = startProcess(programOf(program), [...unprivileged(), '-v', '4', 'kannel.conf'], {
      cwd: folder.path,
    })
    boxes.push(running)
    await ready(program, running, async () => (await status()).includes(sign))
  }
  try {
    writeFileSync(join(folder.path, 'kannel.conf'), configuration({ admin, box, smsc, sendsms }, options))
    // Of a user who owns nothing, it may read its configuration; it writes no file.
    chmodSync(folder.path, 0o755)
    await start('bearerbox', 'Status: running')
    await start('smsbox', 'smsbox:(none)')
    await until('sendsms', async () => (await fetch(`http://127.0.0.1:${sendsms}/`)).status > 0, START_LIMIT_MS)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    sendsmsUrl: `http://127.0.0.1:${sendsms}/cgi-bin/sendsms`,
    status,
    network: (...messages) => startNetwork(smsc, status, messages),
    stop,
  }
}

async function ready(what: string, running: Running, ask: () => Promise<boolean>): Promise<void> {
  let ended = false
  const end = running.exited.finally(() => {
    ended = true
  })
  await until(`${what} to run`, async () => ended || (await ask()), START_LIMIT_MS)
  if (ended) throw new Error(`${what} ended: ${(await end).stderr}`)
}

/**
 * fakesmsc picks what it writes at random, so that each message has one of its own; the last one stays, and gets what
 * is sent.
 */
async function startNetwork(
  port: number,
  status: TestKannel['status'],
  messages: readonly string[],
): Promise<FakeNetwork> {
  const seen: Running[] = []
  const connect = async (message: string | undefined): Promise<Running> => {
    const count = message === undefined ? '0' : '1'
    const args = ['-H', '127.0.0.1', '-r', String(port), '-i', '0', '-m', count, '-v', '0', message ?? '1 2 text none']
    const received = receivedIn(await status())
    const running = startProcess(FAKE_SMSC, args)
    seen.push(running)
    await ready('fakesmsc', running, async () => {
      const said = await status()
      return said.includes(`FAKE:${port} (online`) && receivedIn(said) === received + Number(count)
    })
    return running
  }
  for (const message of messages.slice(0, -1)) {
    await (await connect(message)).stop('SIGKILL')
    await until('the network to be free', async () => !(await status()).includes(`FAKE:${port} (online`))
  }
  const last = await connect(messages.at(-1))
  return {
    arrived: () => joined(seen.flatMap((each) => arrivals(each.stdout() + each.stderr()))),
    stop: async () => {
      await last.stop('SIGKILL')
      await until('the network to be free', async () => !(await status()).includes(`FAKE:${port} (online`))
    },
  }
}

function receivedIn(status: string): number {
  return Number(/^SMS: received (\d+)/m.exec(status)?.[1] ?? 0)
}

interface Piece extends Arrived {
  readonly bytes: Buffer
  readonly isUcs2: boolean
  readonly part: { readonly reference: string; readonly total: number; readonly number: number } | undefined
}

/** `Got message 3: <8080 +254700000001 ucs-2 %06E>`; the texts are one line each. */
function arrivals(printed: string): readonly Piece[] {
  return [...printed.matchAll(/Got message \d+: <(\S+) (\S+) (text|data|ucs-2|udh) (.*)>$/gm)].map(
    ([, from = '', to = '', type = '', rest = '']) => {
      const [header = '', , ...content] = type === 'udh' ? rest.split(' ') : ['', '', rest]
      const encoded = content.join(' ')
      const bytes = type === 'text' ? Buffer.from(encoded) : Buffer.from(percentDecoded(encoded))
      const part = type === 'udh' ? parseUdh(percentDecoded(header))?.part : undefined
      // fakesmsc does not tell the coding of a part; UTF-16 has zeros, or bytes that are no UTF-8.
      const isUcs2 = type === 'ucs-2' || (type === 'udh' && (bytes.includes(0) || !isUtf8(bytes)))
      return { from, to, text: textOf(bytes, isUcs2), bytes, isUcs2, part }
    },
  )
}

function joined(pieces: readonly Piece[]): readonly Arrived[] {
  const firsts = pieces.filter(({ part }) => part === undefined || part.number === 1)
  return firsts.flatMap(({ from, to, text, isUcs2, part }) => {
    if (part === undefined) return [{ from, to, text }]
    const all = pieces
      .filter((each) => each.to === to && each.part?.reference === part.reference)
      .sort((one, other) => (one.part?.number ?? 0) - (other.part?.number ?? 0))
    if (all.length < part.total) return []
    return [{ from, to, text: textOf(Buffer.concat(all.map(({ bytes }) => bytes)), isUcs2) }]
  })
}

function textOf(bytes: Buffer, isUcs2: boolean): string {
  return isUcs2 ? Buffer.from(bytes).swap16().toString('utf16le') : bytes.toString('utf8')
}

function isUtf8(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString('utf8')).equals(bytes)
}

interface Ports {
  readonly admin: number
  readonly box: number
  readonly smsc: number
  readonly sendsms: number
}

/** Kannel parts its groups by empty lines. */
function configuration({ admin, box, smsc, sendsms }: Ports, options: KannelOptions): string {
  const { getUrl, moRecode = false, maxMessages = 0, retryDelay = 1 } = options
  return `group = core
admin-port = ${admin}
admin-interface = 127.0.0.1
admin-password = adm
status-password = st
smsbox-port = ${box}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake1
host = 127.0.0.1
port = ${smsc}
connect-allow-ip = 127.0.0.1
denied-prefix = "666"

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = ${box}
sendsms-port = ${sendsms}
sendsms-interface = 127.0.0.1
http-request-retry = 20
http-queue-delay = ${retryDelay}
mo-recode = ${moRecode}

group = sendsms-user
username = ${kannelUser.username}
password = ${kannelUser.password}
max-messages = 20
concatenation = true
omit-empty = true

group = sms-service
keyword = default
catch-all = true
max-messages = ${maxMessages}
concatenation = true
omit-empty = true
accept-x-kannel-headers = true
get-url = "${getUrl}"
`
}

/** Both boxes leave root's rights behind where they are started with them. */
function unprivileged(): readonly string[] {
  return process.getuid?.() === 0 ? ['--user', 'nobody'] : []
}

/** Held all at once, so that they differ. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' ? (address?.port ?? 0) : 0
  })
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** Debian has them where only root's PATH leads. */
function programOf(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  return folders.map((folder) => join(folder, name)).find(isProgram) ?? name
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
