import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { echo } from '../../src/apps/echo.ts'
import { httptester } from '../../src/backends/index.ts'
import { describeBackend } from '../support/backend-table.ts'
import { until } from '../support/until.ts'
import { serveWeb } from '../support/web.ts'

type Line = Readonly<Record<'id' | 'direction' | 'identity' | 'text' | 'state' | 'at', string>>

describeBackend({
  name: 'httptester',
  backend: () => httptester(),
  incoming: [
    {
      label: 'takes messages',
      path: '?identity=1112223333&text=x',
      status: 200,
      answer: 'OK',
      message: { identity: '1112223333', text: 'x' },
    },
    {
      label: 'messages.json asks for an identity',
      path: 'messages.json',
      status: 400,
      answer: '{"errors":{"identity":["is required"]}}',
    },
    { label: 'messages.json refuses what is not UTF-8', path: 'messages.json?identity=%ff', status: 400 },
    { label: 'messages.json of nobody', path: 'messages.json?identity=404', status: 200, answer: '[]' },
    { label: 'messages.json with a slash', path: 'messages.json/?identity=404', status: 200, answer: '[]' },
    {
      label: 'messages.json takes GET alone',
      method: 'POST',
      path: 'messages.json',
      status: 405,
      answerHeaders: { allow: 'GET' },
    },
  ],
})

describe('messages.json', () => {
  it('shows the conversation so far, oldest first, cancelled ones left out', async () => {
    const veto = { name: 'veto', outgoing: ({ text }: { text: string }) => text !== 'secret' }
    const web = await serveWeb({ backends: { httptester: httptester() }, apps: [echo(), veto] })
    try {
      const identity = '+1 555'
      const url = `${web.url}/backends/httptester/`
      for (const text of ['echo one', 'echo secret', 'echo two']) {
        await fetch(url, { method: 'POST', body: new URLSearchParams({ identity, text }) })
      }
      const lines = await until('both answers', async () => {
        const answer = await fetch(`${url}messages.json?${new URLSearchParams({ identity })}`)
        const shown = (await answer.json()) as Line[]
        return shown.length === 5 && shown.every(({ state }) => state !== 'WAITING' && state !== 'SENDING') && shown
      })
      expect(lines.map(({ direction, text, state }) => `${direction} ${text} ${state}`)).to.have.members([
        'in echo one PROCESSED',
        'in echo secret PROCESSED',
        'in echo two PROCESSED',
        'out one DELIVERED',
        'out two DELIVERED',
      ])
      const order = lines.map(({ text }) => text)
      expect(order.indexOf('echo one')).to.be.lessThan(order.indexOf('one'))
      expect(order.indexOf('one')).to.be.lessThan(order.indexOf('two'))
      for (const line of lines) {
        expect(Object.keys(line)).to.deep.equal(['id', 'direction', 'identity', 'text', 'state', 'at'])
        expect(line.identity).to.equal(identity)
        expect(new Date(line.at).toISOString()).to.equal(line.at)
      }
    } finally {
      await web.stop()
    }
  })

  interface Row {
    readonly label: string
    readonly host: string
    readonly publicUrl?: string
    readonly secret?: boolean
    readonly headers: Readonly<Record<string, string>>
    readonly status: number
  }
  const rows: readonly Row[] = [
    { label: 'this machine alone', host: '127.0.0.1', headers: {}, status: 200 },
    { label: 'localhost', host: 'localhost', headers: {}, status: 200 },
    { label: 'localhost, by name', host: 'localhost', headers: { host: 'localhost:8000' }, status: 200 },
    { label: 'a name that was made to point here', host: '127.0.0.1', headers: { host: 'evil.example' }, status: 403 },
    { label: 'no good name', host: '127.0.0.1', headers: { host: '127.0.0.1:x' }, status: 403 },
    {
      label: 'this machine, with a public URL of its own',
      host: '127.0.0.1',
      publicUrl: 'http://localhost:8000',
      headers: {},
      status: 200,
    },
    {
      label: 'this machine, known outside by a public URL',
      host: '127.0.0.1',
      publicUrl: 'https://sms.example.org',
      headers: {},
      status: 403,
    },
    ...['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'].map((name) => ({
      label: `this machine, through a proxy that tells by ${name}`,
      host: '127.0.0.1',
      headers: { [name]: '127.0.0.1' },
      status: 403,
    })),
    { label: 'every address of the machine', host: '0.0.0.0', headers: {}, status: 403 },
    {
      label: 'behind a proxy, for somebody elsewhere',
      host: '127.0.0.1',
      headers: { 'x-forwarded-for': '192.0.2.7' },
      status: 403,
    },
    { label: 'with a secret', host: '0.0.0.0', secret: true, headers: { 'x-secret': 'open-sesame' }, status: 200 },
    { label: 'with a secret that is not shown', host: '127.0.0.1', secret: true, headers: {}, status: 403 },
  ]
  for (const { label, host, publicUrl, headers, secret = false, status } of rows) {
    it(`on ${label}: ${status}`, async () => {
      const guarded = secret ? { secret: { in: 'header', name: 'X-Secret', value: 'open-sesame' } as const } : {}
      const web = await serveWeb({
        backends: { tester: httptester(guarded) },
        http: { host, trustedProxies: ['127.0.0.0/8'], ...(publicUrl === undefined ? {} : { publicUrl }) },
      })
      try {
        const answer = await ask(`${web.url}/backends/tester/messages.json?identity=1`, headers)
        expect(answer.status).to.equal(status)
        if (status === 403 && !secret) expect(answer.body).to.include('Set backends.tester.secret')
        const taken = await ask(`${web.url}/backends/tester/?identity=1&text=x`, headers)
        expect(taken.status).to.equal(status === 403 && secret ? 403 : 200)
      } finally {
        await web.stop()
      }
    })
  }
})

/** `fetch` writes the header `Host` itself. */
async function ask(url: string, headers: Readonly<Record<string, string>>) {
  const request = get(url, { headers })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode, body: await text(response) }
}
