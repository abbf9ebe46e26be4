import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from '../../src/cli/program.ts'
import { RedisServer } from '../integration/cluster/redis-server.ts'
import { type FarSide, farSide } from '../support/far-side.ts'
import { type RunningServer, runCommand, serving, startCommand } from '../support/process.ts'
import { ask } from '../support/proxy.ts'
import { whyNoRedis } from '../support/redis.ts'
import { skip } from '../support/skip.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

const SECRET = 'hush-7f3kQ/+ secret'
const ACCOUNT = {
  NEXMO_API_KEY: 'abcd1234',
  NEXMO_API_SECRET: SECRET,
  SENDER: 'Awesome Sender',
  MESSAGE: 'Welcome to Example',
}
/** What Vonage answers: https://developer.vonage.com/api/sms */
const TAKEN = {
  body: JSON.stringify({
    'message-count': '1',
    messages: [{ status: '0', 'message-id': '0A0000000123ABCD1', to: '4917612345678' }],
  }),
}
const REFUSED = {
  body: JSON.stringify({ 'message-count': '1', messages: [{ status: '4', 'error-text': 'Bad Credentials' }] }),
}

describe('switchboard proxy', () => {
  describe('as a process', function () {
    this.timeout(60_000)
    let vonage: FarSide
    let folder: TempFolder
    const servers: RunningServer[] = []

    before(async () => {
      vonage = await farSide()
    })
    beforeEach(() => {
      folder = tempFolder()
      vonage.reset()
    })
    afterEach(async () => {
      await Promise.all(servers.splice(0).map((server) => server.stop()))
      folder.remove()
    })
    after(() => vonage.stop())

    async function start(env: Readonly<Record<string, string>> = {}, args: readonly string[] = []) {
      const far = { NEXMO_DOMAIN: vonage.url.replace('http://', ''), NEXMO_SSL: 'False' }
      const all = { ...ACCOUNT, ...far, PORT: '0', ...env }
      const server = await serving(startCommand(['proxy', ...args], { cwd: folder.path, env: all }))
      servers.push(server)
      return server
    }

    it('needs no more than the account, a sender and a text', async () => {
      const server = await start()
      vonage.answer(TAKEN, REFUSED)
      const headers = { 'Accept-Language': 'en-US,en;q=0.8,de;q=0.6', 'Content-Type': 'application/json' }
      const sent = await ask(`${server.url}/message/?receiver=017612345678`, { headers })
      expect(sent.body).to.deep.equal({ status: 'ok', message: 'Message sent', number: '+49 176 12345678' })
      const refused = await ask(`${server.url}/message/?receiver=017649559259`)
      expect(refused.body).to.deep.equal({
        status: 'error',
        error: 'nexmo_error',
        message: 'Nexmo Service Error',
        number: '+49 176 49559259',
      })
      const given = new URLSearchParams(vonage.requests[0]?.body)
      expect(Object.fromEntries(given)).to.include({
        api_key: 'abcd1234',
        api_secret: SECRET,
        from: 'Awesome Sender',
        to: '4917612345678',
        text: 'Welcome to Example',
        type: 'text',
      })
      const script = await fetch(`${server.url}/validate_number/?number=017612345678&callback=show`)
      expect(await script.text()).to.equal('show({"status":"ok","number":"+49 176 12345678"});')
      expect((await fetch(`${server.url}/backends/vonage/?msisdn=4917612345678&text=hi`)).status).to.equal(404)
      expect((await fetch(`${server.url}/console/tester`)).status).to.equal(404)
      expect(existsSync(join(folder.path, 'data', 'proxy-0.db'))).to.equal(true)
    })

    it('shows its secrets in no log and no process list', async () => {
      const server = await start({ REDIS_PASSWORD: '', LOGGING: 'debug' }, ['--sender', 'Shop'])
      vonage.answer({ status: 500, body: `wrong secret ${SECRET}` }, 'cut')
      for (const number of ['017612345678', '017612345679']) await ask(`${server.url}/message/?receiver=${number}`)
      const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid))
      const lines = processes.map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        } catch {
          return ''
        }
      })
      expect(lines.some((line) => line.includes('Shop'))).to.equal(true)
      const { code, stdout, stderr } = await server.stop()
      expect(code).to.equal(0)
      const shown = `${lines.join('\n')}${stdout}${stderr}`
      for (const spelling of [SECRET, encodeURIComponent(SECRET), 'hush-7f3kQ']) expect(shown).to.not.include(spelling)
      expect(shown).to.not.include('17612345678')
    })

    it('keeps what it has sent, and takes reports of it', async () => {
      const env = { NEXMO_DLR_URL: 'https://sms.example.org/dlr/', DATABASE_URL: 'sqlite:kept.db' }
      const first = await start(env)
      vonage.answer(TAKEN)
      await ask(`${first.url}/message/?receiver=017612345678`)
      expect(new URLSearchParams(vonage.requests[0]?.body).get('callback')).to.equal('https://sms.example.org/dlr/')
      await first.stop()
      const second = await start(env)
      const report = new URLSearchParams({
        messageId: '0A0000000123ABCD1',
        status: 'delivered',
        msisdn: '4917612345678',
      })
      expect((await fetch(`${second.url}/dlr/?${report}`)).status).to.equal(200)
      const { stdout } = await second.stop()
      expect(stdout).to.match(/"state":"DELIVERED",.*"changed":true,"msg":"reported"/)
    })

    it('counts in a Redis that several processes share', async function () {
      const why = whyNoRedis()
      if (why !== undefined) skip(this, why)
      const redis = await RedisServer.start()
      try {
        const env = {
          REDIS_PORT: String(redis.port),
          REDIS_HOST: '127.0.0.1',
          LIMIT_AMOUNT: '5',
          DEVELOPMENT_MODE: 'true',
        }
        const both = await Promise.all(
          ['one', 'two'].map((name) => start({ ...env, DATABASE_URL: `sqlite:${name}.db` })),
        )
        const asked = both.flatMap(({ url }) =>
          Array.from({ length: 20 }, () => ask(`${url}/validate_number/?number=017612345678`)),
        )
        const answers = await Promise.all(asked)
        const taken = answers.filter(({ body }) => (body as { readonly status: string }).status === 'ok')
        expect(taken).to.have.length(5)
      } finally {
        await redis.remove()
      }
      expect(vonage.requests).to.have.length(0)
    })

    it('tells all that is missing, in one line, without a stack', async () => {
      const { code, stdout, stderr } = await runCommand(['proxy'], {
        cwd: folder.path,
        env: { SENDER: 'x', LIMIT_AMOUNT: 'ten' },
      })
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
      for (const name of ['NEXMO_API_KEY', 'NEXMO_API_SECRET', 'MESSAGE', 'LIMIT_AMOUNT'])
        expect(stderr).to.include(`${name}: `)
      expect(stderr).to.not.include(' at ')
    })
  })

  it('refuses secrets as arguments, and does not repeat them', async () => {
    for (const flag of ['--nexmo_api_secret', '--nexmo-api-secret', '--redis_password', '--redis-password']) {
      for (const args of [[flag, 'hush'], [`${flag}=hush`]]) {
        const printed: string[] = []
        const code = await run(['proxy', ...args], {
          out: (line) => printed.push(line),
          err: (line) => printed.push(line),
        })
        expect(code).to.equal(2)
        expect(printed.join('\n'))
          .to.match(/everybody on this machine/)
          .and.not.include('hush')
      }
    }
  })

  it('shows its help', async () => {
    const printed: string[] = []
    const code = await run(['proxy', '--help'], {
      out: (line) => printed.push(line),
      err: (line) => printed.push(line),
    })
    const help = printed.join('\n')
    expect(code).to.equal(0)
    for (const option of ['--message', '--sender', '--request-path', '--default-country', '--verbose'])
      expect(help).to.include(option)
    expect(help).to.include('NEXMO_API_SECRET').and.not.include('--nexmo-api-secret')
  })
})
