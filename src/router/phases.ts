import type { IncomingMessage, Response } from '../messages/incoming.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { App, Phase } from './app.ts'
import type { AppContext } from './context.ts'

/** Calls one phase of one app and says what it answered. */
export type CallApp = (app: App, phase: Phase, run: () => unknown) => Promise<boolean | undefined>

export interface IncomingVerdict {
  /** The app whose filter dropped the message. */
  readonly filteredBy: string | null
  /** The app whose handle or default ended its phase. */
  readonly handledBy: string | null
  /** The responses that the phase default gave, each with the name of its app. */
  readonly defaults: ReadonlyMap<Response, string>
}

const NONE: IncomingVerdict['defaults'] = new Map()

/**
 * The phases of an incoming message, phase by phase over the apps in their order. Cleanup always runs.
 * @throws whatever an app throws; the first error wins over one of the cleanup
 */
export async function runIncomingPhases(
  apps: readonly App[],
  message: IncomingMessage,
  context: AppContext,
  call: CallApp,
): Promise<IncomingVerdict> {
  const own = apps.filter((app) => concerns(app, message))
  let verdict: IncomingVerdict
  try {
    verdict = await untilCleanup(own, message, context, call)
  } catch (error) {
    await cleanUp(own, message, context, call).catch(() => undefined)
    throw error
  }
  await cleanUp(own, message, context, call)
  return verdict
}

async function untilCleanup(
  apps: readonly App[],
  message: IncomingMessage,
  context: AppContext,
  call: CallApp,
): Promise<IncomingVerdict> {
  for (const app of apps) {
    if (app.filter === undefined) continue
    const answer = await call(app, 'filter', () => app.filter?.(message, context))
    if (answer === true) return { filteredBy: app.name, handledBy: null, defaults: NONE }
  }
  for (const app of apps) {
    if (app.parse !== undefined) await call(app, 'parse', () => app.parse?.(message, context))
  }
  for (const app of apps) {
    if (app.handle === undefined) continue
    const answer = await call(app, 'handle', () => app.handle?.(message, context))
    if (answer !== true) continue
    message.handled = true
    return { filteredBy: null, handledBy: app.name, defaults: NONE }
  }
  if (message.handled) return { filteredBy: null, handledBy: null, defaults: NONE }
  return runDefaultPhase(apps, message, context, call)
}

async function runDefaultPhase(
  apps: readonly App[],
  message: IncomingMessage,
  context: AppContext,
  call: CallApp,
): Promise<IncomingVerdict> {
  const before = new Set(message.responses)
  const defaults = new Map<Response, string>()
  for (const app of apps) {
    if (app.default === undefined) continue
    const answer = await call(app, 'default', () => app.default?.(message, context))
    for (const response of message.responses) {
      if (!before.has(response) && !defaults.has(response)) defaults.set(response, app.name)
    }
    if (answer === true) return { filteredBy: null, handledBy: app.name, defaults }
  }
  return { filteredBy: null, handledBy: null, defaults }
}

async function cleanUp(
  apps: readonly App[],
  message: IncomingMessage,
  context: AppContext,
  call: CallApp,
): Promise<void> {
  const errors: unknown[] = []
  for (const app of apps) {
    if (app.cleanup === undefined) continue
    try {
      await call(app, 'cleanup', () => app.cleanup?.(message, context))
    } catch (error) {
      // The apps behind it have something to put in order too.
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}

/**
 * The outgoing phase, apps in reverse order.
 * @returns the name of the app that cancelled the message, or null
 * @throws whatever an app throws
 */
export async function runOutgoingPhase(
  apps: readonly App[],
  message: OutgoingMessage,
  context: AppContext,
  call: CallApp,
): Promise<string | null> {
  for (const app of apps.toReversed()) {
    if (app.outgoing === undefined || !concerns(app, message)) continue
    const answer = await call(app, 'outgoing', () => app.outgoing?.(message, context))
    if (answer === false) return app.name
  }
  return null
}

function concerns(app: App, message: { readonly backend: string; readonly address: string | null }): boolean {
  const { only } = app
  if (only === undefined) return true
  if (only.backends !== undefined && !only.backends.includes(message.backend)) return false
  return only.addresses === undefined || (message.address !== null && only.addresses.includes(message.address))
}
