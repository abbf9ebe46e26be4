import { deepEqual, equal, fail, match, ok } from 'node:assert/strict'
import { errorText } from '../messages/errors.ts'
import { ProviderError } from '../router/errors.ts'
import { casesOf, errorIs, outcomeOf, toSend } from './backend-cases.ts'
import { type Harness, startHarness } from './backend-harness.ts'
import type { BackendTable, ExpectedError, OutgoingRow } from './backend-rows.ts'
import type { Canned } from './far-side.ts'

/** What the suite needs of a test runner; those of mocha, node:test, jest and vitest all fit. */
export interface TestRunner {
  describe(title: string, body: () => void): unknown
  it(title: string, body: () => Promise<void>): unknown
  before(body: () => Promise<void>): unknown
  after(body: () => Promise<void>): unknown
}

/**
 * Proves a backend: runs the rows of its table against a real server and a service that is played, and checks what no
 * row asks for. An unknown name is 404 and another method 405; no secret stands in a log or an error; no canned answer is
 * left over; nothing leaves this machine; and a service that hangs, is slow, breaks off, answers too much or nonsense
 * comes to the right error.
 * @param runner by default the runner's globals
 */
export function describeBackend(table: BackendTable, runner: TestRunner = globalRunner()): void {
  const { describe, it, before, after } = runner
  const { name } = table
  describe(`backend ${name}`, () => {
    const running: { main?: Harness; hasty?: Harness } = {}
    const main = () => running.main ?? fail('the backend has not started')
    before(async () => {
      running.main = await startHarness(name, table.backend)
    })
    after(async () => {
      await running.main?.stop()
      await running.hasty?.stop()
    })
    const tidy = async (harness: Harness, run: () => Promise<void>) => {
      harness.far.reset()
      try {
        await run()
        nothingTold(harness, table)
      } finally {
        // A row about a password or a credit that is refused has paused the backend, which the next row needs.
        await harness.switchboard.router.holds.resume(name)
      }
    }

    for (const { title, run } of casesOf(table)) it(title, () => tidy(main(), () => run(main())))
    it('answers 404 for a backend that is not there', () => tidy(main(), () => isUnknown(main(), name)))
    it('answers 405 to methods that its views do not take', () => tidy(main(), () => refusesMethods(main())))
    for (const { title, canned, error, hasty } of failuresOf(table)) {
      it(title, async () => {
        // Only what has to wait for the time limit gets a short one.
        if (hasty) running.hasty ??= await startHarness(name, table.backend, HASTE_MS)
        const harness = (hasty ? running.hasty : undefined) ?? main()
        await tidy(harness, () => fails(harness, workingRow(table), canned, error))
      })
    }
  })
}

const HASTE_MS = 500

function globalRunner(): TestRunner {
  const find = (...names: readonly string[]) => {
    const found: unknown = names.map((name) => Reflect.get(globalThis, name)).find((each) => typeof each === 'function')
    if (typeof found !== 'function')
      throw new TypeError(`There is no global ${names.join(' or ')}: pass the runner's own.`)
    return (...args: readonly unknown[]): unknown => Reflect.apply(found, undefined, args)
  }
  return {
    describe: find('describe', 'suite'),
    it: find('it', 'test'),
    before: find('before', 'beforeAll', 'suiteSetup'),
    after: find('after', 'afterAll', 'suiteTeardown'),
  }
}

/** After each row: no secret was told, and nobody far away was asked. */
function nothingTold({ seen }: Harness, { secrets = [] }: BackendTable): void {
  const told = [...seen.log, ...seen.errors.map((error) => `${errorText(error)} ${stackOf(error)}`)]
  for (const secret of secrets) {
    const line = told.find((each) => each.includes(secret))
    ok(
      line === undefined,
      `a secret stands in a log or an error: ${line?.replaceAll(secret, '[secret]').slice(0, 500)}`,
    )
  }
  deepEqual(seen.strangers, [], 'hosts other than this machine that were asked')
}

function stackOf(error: unknown): string {
  return error instanceof Error ? `${error.stack} ${errorText(error.cause)}` : ''
}

async function isUnknown({ url }: Harness, name: string): Promise<void> {
  const { status } = await fetch(`${url}/backends/not-${name}/?identity=1&text=x`)
  equal(status, 404)
}

async function refusesMethods({ url, switchboard }: Harness): Promise<void> {
  for (const { path, view } of switchboard.routes) {
    ok((view.methods?.length ?? 0) > 0, `the view at ${path} does not say its methods`)
    const answer = await fetch(`${url}${path}`, { method: 'PATCH' })
    // Where a header is asked for, nothing else is told before it.
    if (answer.status === 401 || answer.status === 403) continue
    equal(answer.status, 405, `PATCH ${path}`)
    match(answer.headers.get('allow') ?? '', /[A-Z]/)
  }
}

interface Failure {
  readonly title: string
  readonly canned: Canned
  /** Absent where success is possible too, if nothing but the status says so. */
  readonly error?: ExpectedError
  readonly hasty?: boolean
}

const NO_ANSWER: ExpectedError = { code: 'CONNECTION', unknown: true }

const failures: readonly Failure[] = [
  { title: 'does not know the outcome when the service hangs', canned: 'hang', error: NO_ANSWER, hasty: true },
  { title: 'does not know the outcome when the service is slow', canned: 'dribble', error: NO_ANSWER, hasty: true },
  { title: 'does not know the outcome when the connection is cut', canned: 'cut', error: NO_ANSWER },
  { title: 'does not know the outcome when the answer is cut', canned: { cutAfter: '{"id":' }, error: NO_ANSWER },
  { title: 'does not know the outcome when the answer is too large', canned: 'large', error: NO_ANSWER },
  { title: 'does not know the outcome when the answer is not HTTP', canned: 'garbage', error: NO_ANSWER },
  {
    title: 'tries again later when the service fails',
    canned: { status: 500, body: 'Internal Server Error' },
    error: { code: 'SERVER' },
  },
  { title: 'says so when it is answered with nothing', canned: { body: '' } },
  {
    title: 'says so when it is answered with nonsense',
    canned: { body: Buffer.from([0xff, 0xfe, 0, 0x7b, 0x3c, 0x80]) },
  },
  { title: 'says so when it is answered with a page', canned: { body: '<!DOCTYPE html><title>Login</title>' } },
  { title: 'says so when it is answered with other JSON', canned: { body: '[null,{"messages":7,"status":{}}]' } },
]

function failuresOf(table: BackendTable): readonly Failure[] {
  return table.failures === false || workingRow(table) === undefined ? [] : failures
}

/** One that sends over HTTP and succeeds. */
function workingRow({ outgoing = [] }: BackendTable): OutgoingRow | undefined {
  return outgoing.find(({ error, requests }) => error === undefined && requests.length > 0)
}

async function fails(
  { switchboard, seen, far, backend }: Harness,
  row: OutgoingRow | undefined,
  canned: Canned,
  expected: ExpectedError | undefined,
): Promise<void> {
  if (row === undefined) fail('there is no row that sends')
  const before = seen.errors.length
  far.answer(canned)
  const settled = await outcomeOf(switchboard.router.sendNow({ ...toSend(row.send), backend: backend.name }))
  const [error] = seen.errors.slice(before)
  if (expected === undefined) {
    ok(error === undefined || error instanceof ProviderError, `not an error of sending: ${errorText(error)}`)
    return
  }
  if (!('error' in settled)) fail(`an error was expected; the message is ${settled.result.state}`)
  errorIs(settled.error, { ...providerCodeOf(settled.error), ...expected })
}

/** The service's own code is the backend's affair here. */
function providerCodeOf(error: unknown): { readonly providerCode?: string } {
  const code = error instanceof ProviderError ? error.providerCode : null
  return code === null ? {} : { providerCode: code }
}
