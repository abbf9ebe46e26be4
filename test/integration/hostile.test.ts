import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { expect } from 'chai'
import type { RunningServer } from '../support/process.ts'
import { createSite, type Site } from '../support/server-process.ts'
import { until } from '../support/until.ts'
import { type Client, createClient } from './client.ts'
import { readRecords } from './records.ts'

const LIMIT_MS = 30_000
const ANSWER_LIMIT_MS = 5_000
const SLOW_CONNECTIONS = 200

const PATH = '/backends/far/'
const FORM = 'Content-Type: application/x-www-form-urlencoded'

/** Bytes as they go over the wire; `status` is what the first answer may be, none when the connection just ends. */
interface Attack {
  readonly name: string
  readonly bytes: string | Buffer
  readonly status: RegExp
}

const head = (...lines: readonly string[]) => `${lines.join('\r\n')}\r\n\r\n`
const post = (...headers: readonly string[]) => head(`POST ${PATH} HTTP/1.1`, 'Host: x', FORM, ...headers)

const attacks: readonly Attack[] = [
  { name: 'no HTTP at all', bytes: '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', status: /^400$/ },
  { name: 'a request line without end', bytes: `GET ${'/a'.repeat(20_000)}`, status: /^(400|414|431)$/ },
  { name: 'an unknown method', bytes: head('FROB / HTTP/1.1', 'Host: x'), status: /^400$/ },
  { name: 'an unknown version', bytes: head(`GET ${PATH} HTTP/9.9`, 'Host: x'), status: /^400$/ },
  { name: 'a huge header', bytes: post(`X-Big: ${'a'.repeat(100_000)}`), status: /^431$/ },
  { name: 'many headers', bytes: post(...Array.from({ length: 5_000 }, (_, n) => `X-${n}: 1`)), status: /^431$/ },
  { name: 'a header with a NUL', bytes: post('X-Nul: a\0b'), status: /^400$/ },
  { name: 'two lengths', bytes: `${post('Content-Length: 3', 'Content-Length: 7')}a=b`, status: /^400$/ },
  {
    name: 'a length and chunks',
    bytes: `${post('Content-Length: 3', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    status: /^400$/,
  },
  { name: 'a length that is no number', bytes: post('Content-Length: many'), status: /^400$/ },
  { name: 'a negative length', bytes: post('Content-Length: -1'), status: /^400$/ },
  { name: 'a chunk size that is no number', bytes: `${post('Transfer-Encoding: chunked')}xyz\r\nabc`, status: /^400$/ },
  {
    name: 'a chunk longer than it says',
    bytes: `${post('Transfer-Encoding: chunked')}2\r\nabcdefg\r\n0\r\n\r\n`,
    status: /^400$/,
  },
  {
    name: 'a chunk size too large to hold',
    bytes: `${post('Transfer-Encoding: chunked')}ffffffffffffffffff\r\n`,
    status: /^(400|413)$/,
  },
  {
    name: 'a body in an encoding',
    bytes: `${post('Content-Encoding: gzip', 'Content-Length: 4')}\x1f\x8b\x08\0`,
    status: /^415$/,
  },
  { name: 'a body too large', bytes: post('Content-Length: 99999999999'), status: /^413$/ },
  { name: 'an absolute target', bytes: head(`GET http://x${PATH} HTTP/1.1`, 'Host: x'), status: /^(400|404)$/ },
  { name: 'a target that is no URL', bytes: head('GET http://a:b:c/ HTTP/1.1', 'Host: x'), status: /^(400|404)$/ },
  { name: 'a target with brackets', bytes: head('GET //[ HTTP/1.1', 'Host: x'), status: /^(400|404)$/ },
  { name: 'a target that is a star', bytes: head('OPTIONS * HTTP/1.1', 'Host: x'), status: /^(200|204|400|404)$/ },
  { name: 'a target with broken escapes', bytes: head('GET /%zz/%c0%ae HTTP/1.1', 'Host: x'), status: /^(400|404)$/ },
  { name: 'a query with broken escapes', bytes: head(`GET ${PATH}?text=%zz HTTP/1.1`, 'Host: x'), status: /^400$/ },
  { name: 'no host', bytes: head(`GET ${PATH} HTTP/1.1`), status: /^400$/ },
  { name: 'a host that is none', bytes: head(`GET ${PATH} HTTP/1.1`, 'Host: [[[///'), status: /^400$/ },
  { name: 'a tunnel', bytes: head('CONNECT example.org:443 HTTP/1.1', 'Host: x'), status: /^(none|4\d\d)$/ },
  {
    name: 'an upgrade',
    bytes: head(`GET ${PATH} HTTP/1.1`, 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket'),
    status: /^400$/,
  },
  { name: 'an expectation', bytes: post('Expect: the impossible', 'Content-Length: 0'), status: /^(400|417)$/ },
  {
    name: 'garbage behind a request',
    bytes: Buffer.concat([Buffer.from(head('GET /healthz HTTP/1.1', 'Host: x')), Buffer.alloc(10_000, 0xff)]),
    status: /^(200|400)$/,
  },
]

/** What is begun and never ended. */
const halves: readonly { name: string; bytes: string }[] = [
  { name: 'nothing', bytes: '' },
  { name: 'half a request line', bytes: 'POST /back' },
  { name: 'half the headers', bytes: `POST ${PATH} HTTP/1.1\r\nHost: x\r\nX-Half: ` },
  { name: 'half a body', bytes: `${post('Content-Length: 100')}identity=half&text=ha` },
  { name: 'half a chunk', bytes: `${post('Transfer-Encoding: chunked')}40\r\nidentity=half` },
]

describe('hostile connections', function () {
  this.timeout(LIMIT_MS)
  let site: Site
  let client: Client
  let server: RunningServer

  before(async () => {
    site = createSite({ settings: SETTINGS })
    client = createClient()
    server = await site.start()
  })

  after(async () => {
    await server?.stop('SIGKILL')
    await client?.close()
    site?.remove()
  })

  const connect = async (): Promise<Socket> => {
    const { hostname, port } = new URL(server.url)
    const socket = createConnection(Number(port), hostname)
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }

  const expectAlive = async (text: string) => {
    const { status } = await client.post(server.url + PATH, { identity: 'good', text })
    expect(status).to.equal(200)
    expect(readRecords(site.database).incoming.at(-1)?.text).to.equal(text)
  }

  for (const { name, bytes, status } of attacks) {
    it(`refuses ${name} and goes on`, async () => {
      const socket = await connect()
      const answer = statusOf(socket)
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
      expect(await answer).to.match(status)
      socket.destroy()
      await expectAlive(`after ${name}`)
    })
  }

  for (const { name, bytes } of halves) {
    it(`records nothing of ${name}, cut off`, async () => {
      const socket = await connect()
      socket.write(bytes)
      socket.destroy()
      await expectAlive(`after ${name}`)
      expect(readRecords(site.database).incoming.filter(({ identity }) => identity === 'half')).to.deep.equal([])
    })
  }

  it('answers others while many connections send a byte now and then', async () => {
    const sockets = await Promise.all(Array.from({ length: SLOW_CONNECTIONS }, connect))
    const begin = `POST ${PATH} HTTP/1.1\r\n`
    let position = 0
    const trickle = setInterval(() => {
      for (const socket of sockets) if (!socket.destroyed) socket.write(begin[position] ?? 'X')
      position++
    }, 20)
    try {
      await until('all are at it', () => position > begin.length)
      for (let number = 0; number < 50; number++) await expectAlive(`beside slow ones ${number}`)
      expect((await client.get(`${server.url}/readyz`)).status).to.equal(200)
    } finally {
      clearInterval(trickle)
      for (const socket of sockets) socket.destroy()
    }
  })

  it('has not fallen over by all this', async () => {
    const { code, signal, stderr } = await server.stop()
    expect({ code, signal }, stderr).to.deep.equal({ code: 0, signal: null })
  })
})

/** The status of the first answer, or `none` when the connection ends without one. */
function statusOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => reject(new Error('neither answered nor closed')), ANSWER_LIMIT_MS)
    const done = (status: string) => {
      clearTimeout(timer)
      resolve(status)
    }
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]
      if (status !== undefined) done(status)
    })
    socket.on('close', () => done('none'))
  })
}

const SETTINGS = `
  import { defineSettings } from 'sms-switchboard'
  import { httpBackend } from 'sms-switchboard/backends'

  export default defineSettings({
    http: { publicUrl: 'http://sms.example.org' },
    backends: { far: httpBackend() },
    apps: [],
  })
`
