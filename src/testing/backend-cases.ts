import { deepEqual, equal, fail, match, ok } from 'node:assert/strict'
import { errorText } from '../messages/errors.ts'
import { OutgoingMessage } from '../messages/outgoing.ts'
import type { BatchOutcome, CheckedMessage } from '../router/backend.ts'
import { ProviderError } from '../router/errors.ts'
import { type Harness, untilMessages } from './backend-harness.ts'
import type {
  BackendTable,
  BatchRow,
  CallRow,
  CheckRow,
  ExpectedError,
  ExpectedMessage,
  ExpectedRequest,
  IncomingRow,
  OutgoingRow,
  PollRow,
  ReportRow,
  RequestRow,
  RowMessage,
} from './backend-rows.ts'

/** The rows of a table, each as something to run. */
export function casesOf(table: BackendTable): readonly { title: string; run: (harness: Harness) => Promise<void> }[] {
  const base = table.path ?? `/backends/${table.name}/`
  const caseOf =
    <Row extends { readonly label: string }>(run: (row: Row, harness: Harness) => Promise<void>) =>
    (row: Row) => ({ title: row.label, run: (harness: Harness) => run(row, harness) })
  return [
    ...(table.incoming ?? []).map(caseOf<IncomingRow>((row, harness) => runIncoming(row, harness, base))),
    ...(table.reports ?? []).map(caseOf<ReportRow>((row, harness) => runReport(row, harness, base))),
    ...(table.outgoing ?? []).map(caseOf<OutgoingRow>(runOutgoing)),
    ...(table.batches ?? []).map(caseOf<BatchRow>(runBatch)),
    ...(table.checks ?? []).map(caseOf<CheckRow>(runCheck)),
    ...(table.polls ?? []).map(caseOf<PollRow>(runPoll)),
    ...(table.calls ?? []).map(caseOf<CallRow>(runCall)),
  ]
}

async function runIncoming(row: IncomingRow, harness: Harness, base: string): Promise<void> {
  const before = harness.seen.messages.length
  await request(row, harness, base)
  const expected = row.messages ?? (row.message === undefined ? [] : [row.message])
  await messagesAre(harness, before, expected)
}

async function runReport(row: ReportRow, harness: Harness, base: string): Promise<void> {
  const before = harness.seen.reports.length
  await request(row, harness, base)
  deepEqual(harness.seen.reports.slice(before), row.reports ?? [])
}

async function request(row: RequestRow, { url }: Harness, base: string): Promise<void> {
  const { method = row.body === undefined ? 'GET' : 'POST', headers = {}, body } = row
  const answer = await fetch(`${url}${base}${row.path ?? ''}`, {
    method,
    headers: { accept: '*/*', ...headers },
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  })
  const text = await answer.text()
  equal(answer.status, row.status, text)
  if (typeof row.answer === 'string') equal(text, row.answer)
  else if (row.answer !== undefined) match(text, row.answer)
  for (const [header, value] of Object.entries(row.answerHeaders ?? {})) {
    equal(answer.headers.get(header), value, header)
  }
}

async function messagesAre(harness: Harness, before: number, expected: readonly ExpectedMessage[]): Promise<void> {
  const { seen, switchboard } = harness
  await untilMessages(seen, before + expected.length)
  // What was recorded beyond that, by a mistake, has its commit behind it then.
  await switchboard.parts.store.ping()
  const messages = seen.messages.slice(before).map(({ identity, text, address, externalId, fields }) => ({
    identity,
    text,
    address,
    externalId,
    fields: { ...fields },
  }))
  deepEqual(
    messages,
    expected.map((message) => ({ address: null, externalId: null, fields: {}, ...message })),
  )
}

async function runOutgoing(row: OutgoingRow, harness: Harness): Promise<void> {
  const { state = 'SENT', error, result } = row
  const { switchboard, seen, far, backend } = harness
  far.answer(...row.answers)
  const sending = switchboard.router.sendNow({ ...toSend(row.send), backend: backend.name })
  const settled = await outcomeOf(sending)
  requestsAre(harness, row.requests)
  if (error !== undefined) {
    if ('error' in settled) return errorIs(settled.error, error)
    fail(`an error was expected; the message is ${settled.result.state}`)
  }
  if ('error' in settled) throw settled.error
  equal(settled.result.state, state)
  if (result !== undefined) deepEqual({ ...seen.results.at(-1) }, result)
}

async function runBatch(row: BatchRow, harness: Harness): Promise<void> {
  const { backend, far, tools } = harness
  const messages = row.messages.map((message, index) => outgoing(message, index, backend.name))
  far.answer(...row.answers)
  const sending = backend.sendBatch?.(messages, tools) ?? fail('the backend has no sendBatch')
  const settled = await outcomeOf(sending)
  requestsAre(harness, row.requests)
  if (row.error !== undefined) return errorIs('error' in settled ? settled.error : undefined, row.error)
  if ('error' in settled) throw settled.error
  equal(settled.result.length, messages.length, 'one outcome for each message')
  for (const [index, expected] of (row.outcomes ?? []).entries()) {
    const outcome: BatchOutcome = settled.result[index] ?? fail('an outcome is missing')
    if ('error' in expected) errorIs('error' in outcome ? outcome.error : undefined, expected.error)
    else if ('error' in outcome) throw outcome.error
    else deepEqual({ ...outcome.result }, expected.result)
  }
}

async function runCheck(row: CheckRow, harness: Harness): Promise<void> {
  const { backend, far, tools } = harness
  const messages = row.messages.map((message, index): CheckedMessage => {
    return { id: `message-${index}`, identity: '+254700000001', externalIds: [], sentAt: Date.now(), ...message }
  })
  far.answer(...row.answers)
  const checking = backend.checkStates?.(messages, tools) ?? fail('the backend has no checkStates')
  const settled = await outcomeOf(checking)
  requestsAre(harness, row.requests)
  if (row.error !== undefined) return errorIs('error' in settled ? settled.error : undefined, row.error)
  if ('error' in settled) throw settled.error
  deepEqual(settled.result, row.reports ?? [])
}

async function runPoll(row: PollRow, harness: Harness): Promise<void> {
  const { backend, far, tools, seen } = harness
  const before = seen.messages.length
  for (const [key, value] of Object.entries(row.remembered ?? {})) await tools.memory.put(key, value)
  far.answer(...row.answers)
  const polling = backend.poll?.(tools) ?? fail('the backend has no poll')
  const settled = await outcomeOf(polling)
  requestsAre(harness, row.requests)
  if (row.error !== undefined) errorIs('error' in settled ? settled.error : undefined, row.error)
  else if ('error' in settled) throw settled.error
  await messagesAre(harness, before, row.messages ?? [])
  for (const [key, value] of Object.entries(row.memory ?? {})) deepEqual(await tools.memory.get(key), value, key)
}

async function runCall(row: CallRow, harness: Harness): Promise<void> {
  const { backend, far, switchboard } = harness
  far.answer(...row.answers)
  const settled = await outcomeOf(switchboard.router.call(backend.name, row.method, ...(row.values ?? [])))
  requestsAre(harness, row.requests)
  if (row.error !== undefined) return errorIs('error' in settled ? settled.error : undefined, row.error)
  if ('error' in settled) throw settled.error
  deepEqual(settled.result, row.result)
}

export function toSend({ to = '+254700000001', text = 'hello', ...rest }: RowMessage) {
  return { ...rest, to, text }
}

function outgoing({ to = '+254700000001', text = 'hello', ...rest }: RowMessage, index: number, backend: string) {
  const { fields = {}, params = {}, options = {} } = rest
  const ids = { id: `message-${index}`, backend, identity: to, address: rest.from ?? null }
  const others = { class: 'normal' as const, inResponseTo: null, createdAt: Date.now() }
  return new OutgoingMessage({ ...ids, text: String(text), fields, params, options, ...others })
}

function requestsAre({ far }: Harness, expected: readonly ExpectedRequest[]): void {
  equal(far.unused, 0, 'canned answers left over')
  equal(far.requests.length, expected.length, 'requests')
  for (const [index, { headers = {}, ...exact }] of expected.entries()) {
    const asked = far.requests[index] ?? fail('a request is missing')
    const named = Object.entries(asked).filter(([name]) => Object.hasOwn(exact, name))
    deepEqual(Object.fromEntries(named), exact)
    const shown = Object.entries(asked.headers).filter(([name]) => Object.hasOwn(headers, name))
    deepEqual(Object.fromEntries(shown), headers)
  }
}

export async function outcomeOf<T>(work: Promise<T>): Promise<{ readonly result: T } | { readonly error: unknown }> {
  try {
    return { result: await work }
  } catch (error) {
    return { error }
  }
}

export function errorIs(error: unknown, expected: ExpectedError): void {
  ok(error instanceof ProviderError, `a ProviderError was expected: ${errorText(error)}`)
  const { code, providerCode, outcomeUnknown } = error
  deepEqual(
    { code, providerCode, unknown: outcomeUnknown },
    { code: expected.code, providerCode: expected.providerCode ?? null, unknown: expected.unknown ?? false },
  )
  if (expected.text !== undefined) match(error.message, expected.text)
}
