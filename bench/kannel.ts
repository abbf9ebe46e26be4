import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

const FAKE_SMSC = '/usr/lib/kannel/test/fakesmsc'
const GET_QUERY = 'from=%p&to=%P&text=%b&charset=%C&coding=%c&sms_id=%I&smsc=%i&time=%t&udh=%u'
const POLL_MS = 20
const READY_WITHIN_MS = 10_000
const ROUND_WITHIN_MS = 120_000

/** Where messages go, by the keyword they begin with. */
export type Services = Readonly<Record<string, string>>

/** Both boxes of Kannel with a fake network, on free ports. */
export class Kannel {
  readonly #ports: readonly number[]
  readonly #folder: string
  readonly #boxes: ChildProcess[] = []

  private constructor(ports: readonly number[], folder: string) {
    this.#ports = ports
    this.#folder = folder
  }

  /** Why there is none to measure; undefined where there is. */
  static whyNot(): string | undefined {
    const missing = [programOf('bearerbox'), programOf('smsbox'), FAKE_SMSC].filter((path) => !existsSync(path))
    return missing.length === 0 ? undefined : 'Kannel is not on this machine (apt-get install kannel kannel-extras)'
  }

  static async prepare(folder: string): Promise<Kannel> {
    return new Kannel(await freePorts(4), folder)
  }

  get sendsmsUrl(): string {
    return `http://127.0.0.1:${this.#port(3)}/cgi-bin/sendsms`
  }

  async start(services: Services): Promise<void> {
    const file = join(this.#folder, 'kannel.conf')
    writeFileSync(file, this.#configuration(services))
    await this.#startBox('bearerbox', file, 'Status: running')
    await this.#startBox('smsbox', file, 'smsbox:')
  }

  /**
   * Has phones of random numbers write as fast as Kannel takes it.
   * @returns seconds until phones had an answer to each message
   * @throws Error when they have not after two minutes
   */
  async exchange(text: string, messages: number): Promise<number> {
    const place = ['-H', '127.0.0.1', '-r', String(this.#port(2))]
    const load = ['-i', '0', '-m', String(messages), '-z', '1', '-v', '0', `+2547 8080 text ${text}`]
    const began = performance.now()
    const phones = spawn(FAKE_SMSC, [...place, ...load], { stdio: ['ignore', 'ignore', 'pipe'] })
    let answers = 0
    let ended = began
    createInterface({ input: phones.stderr }).on('line', (line) => {
      // Where something fails, Kannel answers in its own words.
      if (!line.includes('Got message') || !line.endsWith(` text ${text}>`)) return
      answers++
      ended = performance.now()
    })
    try {
      await until(() => answers >= messages, ROUND_WITHIN_MS, `${messages} answers to "${text}"`)
    } finally {
      await end(phones)
    }
    await until(async () => !(await this.#status()).includes('(online'), READY_WITHIN_MS, 'the network to be free')
    return (ended - began) / 1000
  }

  async stop(): Promise<void> {
    await Promise.all(this.#boxes.map(end))
  }

  #port(index: number): number {
    return this.#ports[index] ?? 0
  }

  async #status(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.#port(0)}/status.txt?password=st`)
    return answer.text()
  }

  async #startBox(program: string, file: string, sign: string): Promise<void> {
    const box = spawn(programOf(program), ['-v', '4', file], { stdio: 'ignore' })
    this.#boxes.push(box)
    await until(async () => (await this.#status()).includes(sign), READY_WITHIN_MS, `${program} to run`)
  }

  #configuration(services: Services): string {
    const [admin, box, smsc, sendsms] = this.#ports
    const groups = [
      ['group = core', `admin-port = ${admin}`, 'admin-password = adm', 'status-password = st', `smsbox-port = ${box}`],
      ['group = smsc', 'smsc = fake', 'smsc-id = fake1', 'host = 127.0.0.1', `port = ${smsc}`],
      ['group = smsbox', 'bearerbox-host = 127.0.0.1', `bearerbox-port = ${box}`, `sendsms-port = ${sendsms}`],
      ['group = sendsms-user', 'username = bench', 'password = bench-pass', 'omit-empty = true'],
      ...Object.entries(services).map(([keyword, url]) => [
        ...['group = sms-service', `keyword = ${keyword}`, 'catch-all = true', 'max-messages = 1'],
        ...['omit-empty = true', 'accept-x-kannel-headers = true', `get-url = "${url}?${GET_QUERY}"`],
      ]),
    ]
    const more: Readonly<Record<number, readonly string[]>> = {
      0: ['admin-interface = 127.0.0.1', 'smsbox-interface = 127.0.0.1', 'box-allow-ip = 127.0.0.1'],
      1: ['connect-allow-ip = 127.0.0.1'],
      2: ['sendsms-interface = 127.0.0.1', 'mo-recode = true', 'http-request-retry = 3', 'http-queue-delay = 1'],
    }
    // Kannel parts its groups by empty lines.
    return groups.map((lines, index) => [...lines, ...(more[index] ?? []), ''].join('\n')).join('\n')
  }
}

async function until(ask: () => boolean | Promise<boolean>, within: number, what: string): Promise<void> {
  const deadline = performance.now() + within
  for (;;) {
    if (await Promise.resolve(ask()).catch(() => false)) return
    if (performance.now() > deadline) throw new Error(`waited ${within / 1000} s in vain for ${what}`)
    await delay(POLL_MS)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  // On SIGTERM both boxes linger for seconds; nothing of them is kept.
  child.kill('SIGKILL')
  await ended
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
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? name
}
