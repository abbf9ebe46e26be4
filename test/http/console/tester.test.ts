import { expect } from 'chai'
import { echo, keyword } from '../../../src/apps/index.ts'
import { httptester, loopback } from '../../../src/backends/index.ts'
import { LARGEST_FILE, MOST_LINES } from '../../../src/http/console/upload.ts'
import type { SettingsInput } from '../../../src/index.ts'
import { askConsole, type ConsoleRequest, cookieOf, enterConsole, multipart } from '../../support/console-client.ts'
import { until } from '../../support/until.ts'
import { serveWeb, type Web } from '../../support/web.ts'

const settings = {
  backends: { tester: httptester(), other: httptester(), loop: loopback() },
  apps: [
    keyword('boom', () => {
      throw new Error('<b>broken</b>')
    }),
    echo(),
  ],
  retry: { attempts: 1 },
} satisfies SettingsInput

describe('the tester page', () => {
  let web: Web
  let cookie: string

  before(async () => {
    web = await serveWeb(settings)
    cookie = await enterConsole(web.switchboard.testerLink(web.url))
  })
  after(() => web.stop())

  const ask = (path: string, request: ConsoleRequest = {}) =>
    askConsole(`${web.url}/console/tester${path}`, {
      ...request,
      headers: { cookie, origin: web.url, accept: 'application/json', ...request.headers },
    })
  const write = (values: object) =>
    ask('/messages', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ backend: 'tester', ...values }),
    })
  const texts = async (identity: string, backend = 'tester') => {
    const { body } = await ask(`/messages?backend=${backend}&identity=${identity}`)
    return (JSON.parse(body).messages as { text: string; state: string }[]).map(({ text, state }) => `${text} ${state}`)
  }

  it('takes a message and shows the answer', async () => {
    const { status, body } = await write({ identity: ' 101 ', text: 'echo hello' })
    expect(status, body).to.equal(200)
    expect(JSON.parse(body).message).to.include({ identity: '101', text: 'echo hello', direction: 'in' })
    await until('the answer', async () => (await texts('101')).at(-1) === 'hello DELIVERED')
    expect(await texts('101')).to.deep.equal(['echo hello PROCESSED', 'hello DELIVERED'])
    expect(await texts('101', 'other')).to.deep.equal([])
  })

  it('lists conversations, the latest first', async () => {
    await write({ identity: '102', text: 'echo one' })
    await write({ identity: '103', text: 'echo two' })
    const { conversations } = await until('both', async () => {
      const list = JSON.parse((await ask('/conversations?backend=tester')).body)
      return list.conversations[0]?.last === 'two' && list
    })
    expect(conversations.slice(0, 2)).to.deep.equal([
      { identity: '103', last: 'two' },
      { identity: '102', last: 'one' },
    ])
  })

  it('serves without its script too: a form, then the page with the conversation', async () => {
    const body = new URLSearchParams({ backend: 'tester', identity: 'Ann & Bob', text: 'echo <i>hello</i>' }).toString()
    const headers = { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' }
    const written = await ask('/messages', { method: 'POST', headers, body })
    expect(written.status).to.equal(303)
    expect(written.headers.location).to.equal('/console/tester?backend=tester&identity=Ann+%26+Bob')
    const page = await until('the answer on the page', async () => {
      const { body } = await ask('?backend=tester&identity=Ann+%26+Bob', { headers: { accept: 'text/html' } })
      return body.includes('>DELIVERED</span>') && body
    })
    expect(page).to.contain('<bdi>Ann &amp; Bob</bdi>').and.not.to.contain('<i>')
    expect(page).to.contain('<p class="text" dir="auto">&lt;i&gt;hello&lt;/i&gt;</p>')
  })

  it('shows what failed, with its error, escaped', async () => {
    await write({ identity: '104', text: 'boom' })
    const page = await until('FAILED', async () => {
      const { body } = await ask('?backend=tester&identity=104', { headers: { accept: 'text/html' } })
      return body.includes('>FAILED</span>') && body
    })
    expect(page).to.contain('Error: &lt;b&gt;broken&lt;/b&gt;').and.not.to.contain('<b>broken')
  })

  it('invents numbers that are nobody’s', async () => {
    const { status, headers } = await ask('?backend=other&random=1')
    expect(status).to.equal(302)
    expect(headers.location).to.match(/^\/console\/tester\?backend=other&identity=1[2-9]\d\d55501\d\d$/)
  })

  for (const { label, values, error } of [
    { label: 'no text', values: { identity: '1', text: ' ' }, error: /text may not be empty/ },
    { label: 'no identity', values: { text: 'x' }, error: /identity a text is expected/ },
    { label: 'an identity that is a list', values: { identity: ['1'], text: 'x' }, error: /identity/ },
    { label: 'NUL', values: { identity: '1', text: 'a\0b' }, error: /NUL/ },
    { label: 'a backend of another kind', values: { backend: 'loop', identity: '1', text: 'x' }, error: /backend/ },
    { label: 'an unknown backend', values: { backend: '__proto__', identity: '1', text: 'x' }, error: /backend/ },
  ]) {
    it(`refuses ${label}`, async () => {
      const { status, body } = await write(values)
      expect(status).to.equal(400)
      expect(JSON.parse(body).error).to.match(error)
    })
  }

  for (const { label, headers, body, status } of [
    { label: 'JSON that is broken', headers: { 'content-type': 'application/json' }, body: '{', status: 400 },
    {
      label: 'a text that is too long',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'x'.repeat(70_000) }),
      status: 413,
    },
    {
      label: 'a form that is too long',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `text=${'x'.repeat(70_000)}`,
      status: 413,
    },
    { label: 'another kind of body', headers: { 'content-type': 'text/xml' }, body: '<a/>', status: 400 },
    { label: 'no body', headers: {}, body: '', status: 400 },
  ]) {
    it(`refuses ${label}`, async () => {
      const answer = await ask('/messages', { method: 'POST', headers, body })
      expect(answer.status, answer.body).to.equal(status)
    })
  }

  describe('upload', () => {
    const upload = (identity: string, file: string | Uint8Array) =>
      ask('/upload', { method: 'POST', ...mergeAccept(multipart({ backend: 'tester', identity }, file)) })

    it('takes a file line by line, in order, blank lines and the byte order mark left out', async () => {
      const { status, body } = await upload('201', '\ufeffecho one\r\n\r\n  \necho zwei – ü\recho three')
      expect(status, body).to.equal(200)
      expect(JSON.parse(body)).to.deep.equal({ taken: 3 })
      await until(
        'three answers',
        async () => (await texts('201')).filter((text) => /DELIVERED/.test(text)).length === 3,
      )
      const all = await texts('201')
      expect(all.filter((text) => text.endsWith('PROCESSED'))).to.deep.equal(
        ['echo one', 'echo zwei – ü', 'echo three'].map((text) => `${text} PROCESSED`),
      )
      expect(all.filter((text) => text.endsWith('DELIVERED'))).to.deep.equal(
        ['one', 'zwei – ü', 'three'].map((text) => `${text} DELIVERED`),
      )
    })

    for (const { label, file, status, error } of [
      { label: 'an empty file', file: '', status: 400, error: /no messages/ },
      { label: 'blank lines alone', file: ' \n\n', status: 400, error: /no messages/ },
      { label: 'what is not UTF-8', file: Uint8Array.of(0x61, 0xff, 0x0a), status: 400, error: /UTF-8/ },
      { label: 'NUL in a line', file: 'echo a\necho \0', status: 400, error: /Message 2: NUL/ },
      { label: 'too many lines', file: 'x\n'.repeat(MOST_LINES + 1), status: 413, error: /at most 1000/ },
      { label: 'a file that is too large', file: Buffer.alloc(LARGEST_FILE + 1, 'x'), status: 413, error: /1 MiB/ },
      { label: 'a file that is far too large', file: Buffer.alloc(5 * LARGEST_FILE, 'x'), status: 413, error: /1 MiB/ },
    ]) {
      it(`refuses ${label}, whole`, async () => {
        const answer = await upload('202', file)
        expect(answer.status, answer.body).to.equal(status)
        expect(JSON.parse(answer.body).error).to.match(error)
        expect(await texts('202')).to.deep.equal([])
      })
    }

    it('refuses a form that is not multipart, and one without an identity', async () => {
      expect((await ask('/upload', { method: 'POST', body: 'x' })).status).to.equal(415)
      expect((await upload(' ', 'echo x')).status).to.equal(400)
    })
  })

  it('answers 503 where no message is taken', async () => {
    const stopped = await serveWeb(settings)
    try {
      const session = await enterConsole(stopped.switchboard.testerLink(stopped.url))
      await stopped.switchboard.router.stop()
      const { status, headers } = await askConsole(`${stopped.url}/console/tester/messages`, {
        method: 'POST',
        headers: { cookie: session, origin: stopped.url, 'content-type': 'application/json' },
        body: JSON.stringify({ backend: 'tester', identity: '1', text: 'x' }),
      })
      expect(status).to.equal(503)
      expect(headers['retry-after']).to.equal('5')
    } finally {
      await stopped.stop()
    }
  })

  it('shows no page and prints no link where the console is off or has nothing to test with', async () => {
    const off = await serveWeb({ ...settings, console: { enabled: false } })
    const none = await serveWeb({ backends: { loop: loopback() } })
    try {
      expect(off.switchboard.testerLink(off.url)).to.equal(undefined)
      expect((await askConsole(`${off.url}/console/tester`)).status).to.equal(404)
      expect(none.switchboard.testerLink(none.url)).to.equal(undefined)
      expect(cookieOf(await askConsole(`${none.url}/console/tester?key=x`))).to.equal('')
    } finally {
      await off.stop()
      await none.stop()
    }
  })
})

function mergeAccept({ headers, body }: ReturnType<typeof multipart>) {
  return { headers: { ...headers, accept: 'application/json' }, body }
}
