import { fail } from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { BackendDefinition, BackendInput } from '../backends/define.ts'
import type { IncomingMessage } from '../messages/incoming.ts'
import type { Logger } from '../messages/logger.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { Backend, SendResult, SendTools, View } from '../router/backend.ts'
import { createSwitchboard, type Switchboard } from '../settings/switchboard.ts'
import { type FarSide, farSide } from './far-side.ts'

/** What a backend was seen to do. */
export interface Seen {
  readonly messages: IncomingMessage[]
  readonly reports: DeliveryReport[]
  readonly results: (SendResult | undefined)[]
  readonly errors: unknown[]
  /** All lines of the log. */
  readonly log: string[]
  /** Where requests went that did not go to this machine. */
  readonly strangers: string[]
}

/** A backend behind a real server, in front of a service that is played, and watched. */
export interface Harness {
  /** Without a slash at the end. */
  readonly url: string
  readonly switchboard: Switchboard
  readonly backend: Backend
  readonly tools: SendTools<unknown>
  readonly far: FarSide
  readonly seen: Seen
  stop(): Promise<void>
}

/** Starts a switchboard with one backend, its store in memory. */
export async function startHarness(
  name: string,
  make: (url: string) => BackendInput,
  timeLimit?: number,
): Promise<Harness> {
  const far = await farSide()
  const seen: Seen = { messages: [], reports: [], results: [], errors: [], log: [], strangers: [] }
  const watched = watch(make(far.url), seen, timeLimit)
  const guard = guardNetwork(seen.strangers)
  const witness = {
    name: 'witness',
    parse(message: IncomingMessage) {
      seen.messages.push(message)
    },
  }
  const switchboard = createSwitchboard(
    {
      databaseUrl: 'sqlite::memory:',
      backends: { [name]: watched.input },
      apps: [witness],
      console: { enabled: false },
      // All rows write to the same person.
      optOut: { fromServices: false },
      log: { texts: true, numbers: true },
    },
    { logger: collectingLogger(seen.log) },
  )
  await switchboard.start()
  const server = createServer(switchboard.callback())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const backend = switchboard.settings.backends.get(name) ?? fail(`the backend ${name} is not there`)
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    switchboard,
    backend,
    get tools() {
      return watched.tools() ?? fail('the backend has not started')
    },
    far,
    seen,
    async stop() {
      guard.end()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await switchboard.stop()
      await far.stop()
    },
  }
}

interface Watched {
  readonly input: BackendInput
  tools(): SendTools<unknown> | undefined
}

/** The same backend; what its views report and what its sending comes to is noted. */
function watch({ definition, input }: BackendInput, seen: Seen, timeLimit: number | undefined): Watched {
  let tools: SendTools<unknown> | undefined
  const views = Object.entries(definition.views ?? {}).map(([name, view]) => [name, watchedView(view, seen)] as const)
  const { send, sendBatch } = definition
  const watched: BackendDefinition<typeof definition.settings> = {
    ...definition,
    views: Object.fromEntries(views),
    async start(given) {
      tools = given
      await definition.start?.(given)
    },
  }
  if (send !== undefined) watched.send = (message, given) => noted(send.call(definition, message, given), seen)
  else if (sendBatch !== undefined) {
    watched.sendBatch = async (messages, given) => {
      const outcomes = await notedErrors(sendBatch.call(definition, messages, given), seen)
      for (const outcome of outcomes) {
        if ('result' in outcome) seen.results.push(outcome.result)
        else seen.errors.push(outcome.error)
      }
      return outcomes
    }
  }
  const sending = typeof input === 'object' && input !== null && 'sending' in input ? input.sending : {}
  const limited = timeLimit === undefined ? input : { ...Object(input), sending: { ...Object(sending), timeLimit } }
  return { input: { definition: watched, input: limited }, tools: () => tools }
}

function watchedView(view: View<unknown>, seen: Seen): View<unknown> {
  const watched: View<unknown> = (request, tools) =>
    view(request, {
      ...tools,
      async report(report) {
        seen.reports.push(report)
        await tools.report(report)
      },
    })
  return Object.assign(watched, view)
}

async function noted<T extends SendResult | undefined>(sending: Promise<T>, seen: Seen): Promise<T> {
  const result = await notedErrors(sending, seen)
  seen.results.push(result)
  return result
}

async function notedErrors<T>(sending: Promise<T>, seen: Seen): Promise<T> {
  try {
    return await sending
  } catch (error) {
    seen.errors.push(error)
    throw error
  }
}

/** Notes each HTTP request of this process that leaves this machine, through undici or Node's own client. */
function guardNetwork(strangers: string[]): { end(): void } {
  const note = (host: string) => {
    if (!/^(localhost|127(\.\d+){3}|\[?::1\]?)$/.test(host)) strangers.push(host)
  }
  const ofUndici = (message: unknown) => {
    const origin = String(Reflect.get(Object(Reflect.get(Object(message), 'request')), 'origin') ?? '')
    if (URL.canParse(origin)) note(new URL(origin).hostname)
  }
  const ofNode = (message: unknown) => {
    note(String(Reflect.get(Object(Reflect.get(Object(message), 'request')), 'host') ?? ''))
  }
  subscribe('undici:request:create', ofUndici)
  subscribe('http.client.request.start', ofNode)
  return {
    end() {
      unsubscribe('undici:request:create', ofUndici)
      unsubscribe('http.client.request.start', ofNode)
    },
  }
}

function collectingLogger(lines: string[]): Logger {
  const at = (level: string) => (fields: object, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields, plain)}`)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function plain(_name: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value
  return { ...value, type: value.name, message: value.message, stack: value.stack, cause: value.cause }
}

const LOOK_MS = 10
const PATIENCE_MS = 5_000

/** Waits until at least so many messages have come through to the apps. */
export async function untilMessages(seen: Seen, count: number): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (seen.messages.length < count) {
    if (Date.now() > deadline) fail(`${count} messages were expected to reach the apps, ${seen.messages.length} did`)
    await pause(LOOK_MS)
  }
}
