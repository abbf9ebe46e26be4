import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { defineApp } from '../../src/apps/define.ts'
import { httpBackend, httptester, logBackend } from '../../src/backends/index.ts'
import { createLogger } from '../../src/settings/logger.ts'
import { createSwitchboard, type Switchboard } from '../../src/settings/switchboard.ts'
import { startProcess, startServer } from '../support/process.ts'
import { skip } from '../support/skip.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { until } from '../support/until.ts'

const NUMBER = '254712345678'
const SPACED = '+254 712 345 678'
const TEXT = 'Wanjiku owes Otieno, PIN 4711\r\n{"level":60} \u001b[31mred'
const WORDS = ['Wanjiku', 'Otieno', '4711', '[31m']
const SECRETS = ['sesame-opens', 'token-of-ours', 'under-the-mat', 'hunter-22']

/** Answers every request with what it was sent, as services do in their errors. */
function echoingService(): Server {
  return createServer((req, res) => {
    let body = ''
    req.on('data', (chunk) => {
      body += String(chunk)
    })
    req.on('end', () => {
      res.statusCode = 400
      res.end(`bad request: ${decodeURIComponent(body.replaceAll('+', ' '))} ${req.headers['authorization']}`)
    })
  })
}

const failing = defineApp({
  name: 'failing',
  handle(message, { logger }) {
    logger.info({ text: message.text, identity: message.identity, message }, 'seen')
    if (message.tries === 0) throw new Error(`cannot read ${message.text} of ${SPACED}, key token-of-ours`)
    message.respond(`${message.text} again`, { to: { backend: 'service', identity: message.identity } })
    return message.respond(message.text, { to: { backend: 'log', identity: message.identity } })
  },
})

describe('the log of a conversation', () => {
  let lines: string[]
  let switchboard: Switchboard
  let service: Server
  let server: Server

  async function converse(log: { texts?: boolean; numbers?: boolean }): Promise<void> {
    lines = []
    const keep = (fields: object, message: string) => void lines.push(JSON.stringify({ ...fields, message }))
    const { port: servicePort } = service.address() as AddressInfo
    switchboard = createSwitchboard(
      {
        databaseUrl: 'sqlite::memory:',
        log,
        retry: { firstDelay: 1 },
        backends: {
          tester: httptester({ secret: { in: 'path', value: 'sesame-opens' } }),
          basic: httptester({ secret: { in: 'basic', user: 'ann', password: 'under-the-mat' } }),
          log: logBackend(),
          service: httpBackend({
            send: {
              url: `http://127.0.0.1:${servicePort}/`,
              extra: { key: 'token-of-ours' },
              headers: { authorization: 'Bearer hunter-22' },
            },
          }),
        },
        apps: [failing],
      },
      { logger: { debug: keep, info: keep, warn: keep, error: keep } },
    )
    server = createServer(switchboard.callback())
    await switchboard.start()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/backends`
    const body = new URLSearchParams({ identity: NUMBER, text: TEXT })
    expect((await fetch(`${url}/tester/sesame-opens/`, { method: 'POST', body })).status).to.equal(200)
    await fetch(`${url}/tester/sesame-opens/`, { method: 'POST', body: new URLSearchParams({ text: TEXT }) })
    await fetch(`${url}/tester/sesame-opens/nothing/${NUMBER}`)
    await fetch(`${url}/basic/`, { headers: { authorization: `Basic ${btoa('ann:under-the-mat')}x` } })
    await until('both answers are settled', () => lines.filter((line) => line.includes('"settled"')).length === 2)
  }

  beforeEach(async () => {
    service = echoingService()
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  })

  afterEach(async () => {
    for (const each of [server, service]) {
      each.close()
      each.closeAllConnections()
    }
    await switchboard.stop()
  })

  it('has no word of a text, no number and no secret by default', async () => {
    await converse({})
    const all = lines.join('\n')
    for (const part of [...WORDS, ...SECRETS, SPACED, '712345', '712 345']) expect(all).not.to.contain(part)
  })

  it('has a line for each request and for each step, with the id of the message', async () => {
    await converse({})
    const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    const received = parsed.find(({ message }) => message === 'received')
    const steps = parsed.filter(({ id }) => id !== undefined && id === received?.['id']).map(({ message }) => message)
    expect(steps).to.deep.equal(['received', 'an app failed; the message is tried again', 'processed'])
    const answers = parsed.find(({ message }) => message === 'processed')?.['answers'] as readonly string[]
    for (const [index, backend] of ['service', 'log'].entries()) {
      const settled = parsed.find(({ id, message }) => message === 'settled' && id === answers[index])
      expect(settled).to.include({ backend, identity: '2547*****678', inResponseTo: received?.['id'] })
    }
    const requests = parsed.filter(({ message }) => message === 'request').map(({ status }) => status)
    expect(requests).to.deep.equal([200, 400, 404, 401])
  })

  it('has texts and numbers in full where settings say so, and still no secret', async () => {
    await converse({ texts: true, numbers: true })
    const all = lines.join('\n')
    for (const part of ['Wanjiku', 'PIN 4711', NUMBER, SPACED, `Sent SMS to ${NUMBER}: Wanjiku`]) {
      expect(all).to.contain(part)
    }
    for (const part of SECRETS) expect(all).not.to.contain(part)
    const settled = lines.filter((line) => line.includes('"settled"'))
    expect(settled.every((line) => line.includes('Wanjiku owes Otieno'))).to.equal(true)
  })

  it('has texts without numbers, and the other way round', async () => {
    await converse({ texts: true })
    expect(lines.join('\n')).to.contain('Wanjiku').and.not.to.contain('712345')
  })
})

describe('the logger of a process', () => {
  it('writes lines of JSON where standard output is no terminal, one for each entry', async () => {
    const folder = tempFolder()
    const server = await startServer([], {
      env: { DATABASE_URL: `sqlite:${folder.path}/log.db`, LOG_LEVEL: 'info' },
    })
    try {
      const body = new URLSearchParams({ identity: NUMBER, text: TEXT })
      await fetch(`${server.url}/backends/httptester/`, { method: 'POST', body })
      await until('the answer is settled', async () => {
        const answer = await fetch(`${server.url}/backends/httptester/messages.json?identity=${NUMBER}`)
        return (await answer.text()).includes('"DELIVERED"')
      })
    } finally {
      await server.stop()
      folder.remove()
    }
    const entries = server
      .stdout()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(entries.map(({ msg }) => msg)).to.include.members([
      'received',
      'processed',
      'settled',
      'stopping',
      'stopped',
    ])
    for (const entry of entries) expect(entry).to.include.all.keys('level', 'time', 'msg')
    expect(server.stdout()).not.to.match(/Wanjiku|712345/)
  }).timeout(30_000)

  it('writes for people where it is one', async function () {
    // `script` of util-linux is the terminal.
    const command = `'${process.execPath}' --import tsx -e 'import("./src/settings/logger.ts").then(({ createLogger }) => createLogger({ level: "info", texts: false, numbers: false }).warn({ id: "0192" }, "an app failed"))'`
    const running = startProcess('script', ['-qec', command, '/dev/null'])
    const exit = await running.exited.catch(() => undefined)
    if (exit === undefined) {
      skip(this, 'the program "script" is not installed, so there is no terminal to write to')
    }
    expect(exit.stdout).to.contain('WARN').and.to.contain('an app failed').and.not.to.contain('{"')
  }).timeout(30_000)

  it('writes nothing below its level', () => {
    const logger = createLogger({ level: 'silent', texts: false, numbers: false })
    expect(() => logger.error({}, 'nothing')).not.to.throw()
    logger.flush()
  })
})
