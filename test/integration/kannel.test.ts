import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { defineApp } from '../../src/apps/index.ts'
import { kannel } from '../../src/backends/index.ts'
import { createSwitchboard, type Switchboard } from '../../src/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'
import { type FakeNetwork, kannelUser, startKannel, type TestKannel, whyNoKannel } from '../support/kannel.ts'
import { skip } from '../support/skip.ts'
import { until } from '../support/until.ts'

const WAIT_MS = 10_000
const PHONE = '+254700000001'
const GET_QUERY =
  'from=%p&to=%P&text=%b&charset=%C&coding=%c&sms_id=%I&smsc=%i&time=%t&udh=%u&service=%n&account=%o&meta=%D&dcs=%O'

/** As fakesmsc takes it: UTF-16, every byte with a percent sign. */
function ucs2(text: string): string {
  const bytes = Buffer.from(text, 'utf16le').swap16()
  return `ucs2 ${Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`
}

interface Site {
  readonly kannel: TestKannel
  readonly switchboard: Switchboard
  /** How often Kannel gave us the message of each id. */
  readonly asked: Map<string, number>
  /** The first so many requests are answered 503, before Switchboard sees them. */
  refuse: number
  stop(): Promise<void>
}

/** Kannel, Switchboard behind a server of its own, and an app that answers everything. */
async function startSite(moRecode: boolean, reply: 'sendsms' | 'body' = 'sendsms'): Promise<Site> {
  const asked = new Map<string, number>()
  const site = { refuse: 0 }
  let switchboard: Switchboard | undefined
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    const id = searchParams.get('sms_id') ?? ''
    if (!pathname.endsWith('/status')) asked.set(id, (asked.get(id) ?? 0) + 1)
    if (site.refuse > 0) {
      site.refuse--
      response.writeHead(503).end()
    } else switchboard?.callback()(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const gateway = await startKannel({
    getUrl: `${url}/backends/kannel/?${GET_QUERY}`,
    moRecode,
    maxMessages: reply === 'body' ? 20 : 0,
  })
  switchboard = createSwitchboard(
    {
      databaseUrl: 'sqlite::memory:',
      http: { publicUrl: url },
      backends: { kannel: kannel({ ...kannelUser, from: '8080', sendsmsUrl: gateway.sendsmsUrl, reply }) },
      apps: [defineApp({ name: 'echo', handle: (message) => message.respond(message.text) })],
    },
    { logger: silentLogger },
  )
  await switchboard.start()
  return Object.assign(site, { kannel: gateway, switchboard, asked, stop: () => stop(server, switchboard, gateway) })
}

async function stop(server: Server, switchboard: Switchboard | undefined, gateway: TestKannel): Promise<void> {
  await gateway.stop()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await switchboard?.stop()
}

describe('with a real Kannel', function () {
  this.timeout(30_000)
  let site: Site | undefined
  let network: FakeNetwork | undefined

  before(function () {
    const why = whyNoKannel()
    if (why !== undefined) skip(this, why)
  })
  afterEach(async () => {
    await network?.stop()
    network = undefined
  })

  const connect = async (...messages: readonly string[]) => {
    if (site === undefined) throw new Error('the site is not there')
    network = await site.kannel.network(...messages)
    return { site, network }
  }
  const arrived = (text: string, to = PHONE) =>
    until(
      `"${text.slice(0, 30)}" to arrive`,
      () => network?.arrived().find((each) => each.text === text && each.to === to),
      WAIT_MS,
    )

  const long = {
    Latin: 'The quick brown fox jumps. '.repeat(20).slice(0, 500),
    Arabic: 'مرحبا بالعالم '.repeat(40).slice(0, 500).trim(),
    emoji: 'a😀'.repeat(166),
  }
  const texts = [
    { name: 'Latin', text: 'café à la crème', mo: 'text café à la crème' },
    { name: '€', text: '5 € [net] {x}', mo: 'text 5 € [net] {x}' },
    { name: 'Arabic', text: 'مرحبا بالعالم', mo: ucs2('مرحبا بالعالم') },
    { name: 'Gujarati, whose bytes look like line ends', text: 'ગુજરાતી  ગુ', mo: ucs2('ગુજરાતી  ગુ') },
    { name: 'emoji', text: 'hi 😀👍🏽 ok', mo: ucs2('hi 😀👍🏽 ok') },
    { name: '500 Latin characters', text: long.Latin, mo: `text ${long.Latin}` },
    { name: '500 Arabic characters', text: long.Arabic, mo: ucs2(long.Arabic) },
    { name: '500 units of emoji', text: long.emoji, mo: ucs2(long.emoji) },
  ]

  for (const moRecode of [false, true]) {
    describe(moRecode ? 'that recodes to UTF-8' : 'that hands on UTF-16', () => {
      before(async () => {
        site = await startSite(moRecode)
      })
      after(() => site?.stop())

      for (const { name, text, mo } of texts) {
        it(`brings ${name} unharmed, there and back, and reports its delivery`, async () => {
          const { site } = await connect(`${PHONE} 8080 ${mo}`)
          expect((await arrived(text)).from).to.equal('8080')
          await until('the report', () => isDelivered(site, text), WAIT_MS)
        })
      }
    })
  }

  describe('that has to try again', () => {
    before(async () => {
      site = await startSite(true)
    })
    after(() => site?.stop())

    it('repeats what was answered 503, and has it recorded once', async () => {
      if (site === undefined) throw new Error('the site is not there')
      site.refuse = 2
      await connect(`${PHONE} 8080 text once only`)
      await arrived('once only')
      await until('the report', () => site !== undefined && isDelivered(site, 'once only'), WAIT_MS)
      const { incoming, outgoing } = await site.switchboard.parts.store.log.counts()
      const repeats = [...site.asked.values()]
      expect({ incoming, outgoing, repeats }).to.deep.equal({ incoming: 1, outgoing: 1, repeats: [3] })
    })

    it('delivers to many, and says who cannot be reached', async () => {
      const { site } = await connect()
      const people = ['+254700000011', '+254700000012', '+254700000013', '666700000014']
      const sent = await site.switchboard.router.send({ to: people, text: 'to all', backend: 'kannel' })
      const states = () => Promise.all(sent.map(async ({ id }) => (await find(site, id))?.state))
      await until(
        'all reports',
        async () => !(await states()).some((state) => state === 'WAITING' || state === 'SENDING' || state === 'SENT'),
        WAIT_MS,
      )
      expect(await states()).to.deep.equal(['DELIVERED', 'DELIVERED', 'DELIVERED', 'ERROR'])
      expect(network?.arrived().map(({ to }) => to)).to.have.members(people.slice(0, 3))
    })

    it('keeps what is sent while the network is away', async () => {
      if (site === undefined) throw new Error('the site is not there')
      await site.switchboard.router.sendNow({ to: PHONE, text: 'later', backend: 'kannel' })
      await connect()
      await arrived('later')
    })
  })

  describe('that is answered in the body', () => {
    before(async () => {
      site = await startSite(false, 'body')
    })
    after(() => site?.stop())

    for (const text of ['café €', 'مرحبا 😀', 'long مرحبا '.repeat(20).trim()]) {
      it(`sends ${text.slice(0, 20)} unharmed`, async () => {
        const { site } = await connect(`${PHONE} 8080 ${ucs2(text)}`)
        expect((await arrived(text)).from).to.equal('8080')
        const [last] = await conversation(site)
        expect(last).to.include({ direction: 'out', text, state: 'SENT' })
      })
    }
  })
})

/** The newest line of what went to and fro. */
function conversation({ switchboard }: Site) {
  return switchboard.parts.store.log.conversation({ backend: 'kannel', identity: PHONE, limit: 1 })
}

function find({ switchboard }: Site, id: string) {
  return switchboard.parts.store.log.find(id)
}

async function isDelivered(site: Site, text: string): Promise<boolean> {
  const [last] = await conversation(site)
  return last?.direction === 'out' && last.text === text && last.state === 'DELIVERED'
}
