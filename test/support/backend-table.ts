import { expect } from 'chai'
import type { BackendInput } from '../../src/backends/define.ts'
import { ProviderError, type SendRequest } from '../../src/index.ts'
import { type Canned, type FarRequest, type FarSide, farSide } from './far-side.ts'
import { until } from './until.ts'
import { serveWeb, type Web } from './web.ts'

/** A request to one of the backend's views, and what comes of it. */
export interface IncomingRow {
  readonly label: string
  readonly method?: string
  /** Below the backend's own path: `status?id=1`. */
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly status: number
  /** The exact body of the answer, or a pattern. */
  readonly answer?: string | RegExp
  readonly answerHeaders?: Readonly<Record<string, string>>
  /** What the apps get; absent when nothing may be recorded. */
  readonly message?: {
    readonly identity: string
    readonly text: string
    readonly address?: string | null
    readonly externalId?: string | null
    readonly fields?: Readonly<Record<string, unknown>>
  }
}

/** A message to send, what the service answers, and what comes of it. */
export interface OutgoingRow {
  readonly label: string
  readonly send: Omit<SendRequest, 'to' | 'text'> & { readonly to?: string; readonly text?: string }
  readonly answers: readonly Canned[]
  /** Exactly these requests: of headers, those named. */
  readonly requests: readonly Partial<Pick<FarRequest, 'method' | 'target' | 'headers' | 'body'>>[]
  /** The state of success. */
  readonly state?: string
  readonly error?: {
    readonly code: string
    readonly providerCode?: string
    readonly text?: RegExp
    readonly unknown?: boolean
  }
}

/** One backend and its rows. */
export interface BackendTable {
  readonly name: string
  /** @param url of the far side */
  readonly backend: (url: string) => BackendInput
  /** What the backend's path is, where it is not the convention's. */
  readonly path?: string
  /** What may never stand in a log or an error. */
  readonly secrets?: readonly string[]
  readonly incoming?: readonly IncomingRow[]
  readonly outgoing?: readonly OutgoingRow[]
}

/**
 * Runs the rows of one backend against a real server, and what no row asks for: an unknown backend is 404, secrets
 * stand in no log and in no error, no canned answer is left over, and what is refused is not recorded.
 */
export function describeBackend(table: BackendTable): void {
  const { name, secrets = [], incoming = [], outgoing = [], path = `/backends/${name}/` } = table
  describe(`backend ${name}`, () => {
    let web: Web
    let far: FarSide
    before(async () => {
      far = await farSide()
      web = await serveWeb({ backends: { [name]: table.backend(far.url) }, log: { texts: true, numbers: true } })
    })
    after(async () => {
      await web.stop()
      await far.stop()
    })
    afterEach(() => {
      for (const secret of secrets) expect(web.log(), 'the log').not.to.include(secret)
      far.reset()
    })

    for (const row of incoming) it(row.label, () => runIncoming(row, web, `${web.url}${path}`))
    for (const row of outgoing) it(row.label, () => runOutgoing(row, web, far, name, secrets))

    it('answers 404 for a backend that is not there', async () => {
      const { status } = await fetch(`${web.url}/backends/not-${name}/?identity=1&text=x`)
      expect(status).to.equal(404)
    })
  })
}

async function runIncoming(row: IncomingRow, web: Web, base: string): Promise<void> {
  const seen = web.messages.length
  const { method = row.body === undefined ? 'GET' : 'POST', headers = {}, body } = row
  const answer = await fetch(`${base}${row.path ?? ''}`, {
    method,
    headers: { accept: '*/*', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? Buffer.from(body) : Buffer.from(body) }),
  })
  const text = await answer.text()
  expect(answer.status, text).to.equal(row.status)
  if (typeof row.answer === 'string') expect(text).to.equal(row.answer)
  else if (row.answer !== undefined) expect(text).to.match(row.answer)
  for (const [header, value] of Object.entries(row.answerHeaders ?? {})) {
    expect(answer.headers.get(header), header).to.equal(value)
  }
  if (row.message === undefined) {
    await web.switchboard.parts.store.ping()
    expect(web.messages.length, 'messages recorded').to.equal(seen)
    return
  }
  const message = await until('the message to reach the apps', () => web.messages[seen])
  const { identity, text: written, address, externalId, fields } = message
  const expected = { address: null, externalId: null, fields: {}, ...row.message }
  expect({ identity, text: written, address, externalId, fields }).to.deep.equal(expected)
}

async function runOutgoing(
  { send, answers, requests, state = 'SENT', error }: OutgoingRow,
  web: Web,
  far: FarSide,
  backend: string,
  secrets: readonly string[],
): Promise<void> {
  far.answer(...answers)
  const sent = web.switchboard.router.sendNow({ to: '+254700000001', text: 'hello', ...send, backend })
  const thrown: unknown = await sent.then(
    (settled) => {
      expect(settled.state).to.equal(error === undefined ? state : 'an error')
    },
    (reason: unknown) => reason,
  )
  expect(far.unused, 'canned answers left over').to.equal(0)
  expect(far.requests.length, 'requests').to.equal(requests.length)
  for (const [index, { headers, ...exact }] of requests.entries()) {
    expect(far.requests[index]).to.deep.include(exact)
    if (headers !== undefined) expect(far.requests[index]?.headers).to.deep.include(headers)
  }
  if (error === undefined) {
    if (thrown !== undefined) throw thrown
    return
  }
  if (!(thrown instanceof ProviderError)) throw new Error('a ProviderError was expected', { cause: thrown })
  const { code, providerCode, outcomeUnknown } = thrown
  expect({ code, providerCode, unknown: outcomeUnknown }).to.deep.equal({
    code: error.code,
    providerCode: error.providerCode ?? null,
    unknown: error.unknown ?? false,
  })
  if (error.text !== undefined) expect(thrown.message).to.match(error.text)
  for (const secret of secrets) expect(thrown.message, 'the error').not.to.include(secret)
}
