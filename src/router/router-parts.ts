import type { Clock } from '../messages/clock.ts'
import type { NewId } from '../messages/ids.ts'
import type { Logger } from '../messages/logger.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { Queue } from '../queue/queue.ts'
import type { Signals } from '../queue/signals.ts'
import type { Store } from '../store/store.ts'
import type { App } from './app.ts'
import type { AppCallSettings } from './app-calls.ts'
import type { Backend, Received, ReceivedMessage, SendTools } from './backend.ts'
import type { BackendMeans } from './backend-means.ts'
import type { BrakeSettings } from './brake.ts'
import type { CallbackClient } from './callback-client.ts'
import type { CallbackRunSettings } from './callback-runner.ts'
import type { Ending } from './ending.ts'
import type { EventSettings } from './events.ts'
import type { ExpirySettings } from './expiry.ts'
import type { IncomingRetry } from './incoming-worker.ts'
import type { OptOutSettings } from './opt-outs.ts'
import type { Price } from './prices.ts'
import type { QuietHoursSettings } from './quiet-hours.ts'
import type { RoutingSettings } from './routing.ts'
import type { StalenessSettings } from './staleness.ts'
import type { StateCheckSettings } from './state-checks.ts'
import type { TemplateRules } from './template-texts.ts'
import type { FixedTemplate } from './templates.ts'

export interface RouterSettings {
  readonly apps: AppCallSettings
  readonly events: EventSettings
  readonly retry: IncomingRetry
  /** Incoming messages that may wait for their phases before new ones are refused. */
  readonly backlog: number
  /** The project's languages, the first one first. */
  readonly languages: readonly string[]
  readonly optOut: OptOutSettings
  readonly brake: BrakeSettings
  readonly incoming: StalenessSettings
  readonly expiry: ExpirySettings
  readonly prices: readonly Price[]
  /** An IANA name: whose midnight begins a day. */
  readonly timeZone: string
  readonly routing: RoutingSettings
  readonly stateChecks: StateCheckSettings
  readonly quietHours?: QuietHoursSettings | undefined
  readonly idempotency: { readonly keptFor: number }
  /** By their slugs. */
  readonly templates: ReadonlyMap<string, FixedTemplate>
  readonly templateRules: TemplateRules | undefined
  readonly callbacks: CallbackRunSettings & { readonly most: number }
}

/** What a router does: everything, as the one process or beside others; only take messages in; or only work them. */
export type RouterRole = 'alone' | 'all' | 'web' | 'worker'

/** What backends reach of the router through their tools. */
export interface ToolsOwner {
  receive(backend: string, message: ReceivedMessage): Promise<Received>
  report(backend: string, report: DeliveryReport): Promise<void>
  readonly means: BackendMeans
}

/** What a router is made of. */
export interface RouterParts {
  readonly role: RouterRole
  readonly settings: RouterSettings
  readonly apps: readonly App[]
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Store
  readonly callbackClient: CallbackClient
  readonly queue: Queue
  readonly signals: Signals
  readonly clock: Clock
  readonly newId: NewId
  readonly logger: Logger
  readonly toolsOf: (owner: ToolsOwner, backend: Backend, ending: Ending) => SendTools<unknown>
}
