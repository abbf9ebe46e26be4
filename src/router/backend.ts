import type { Clock } from '../messages/clock.ts'
import type { Fields } from '../messages/incoming.ts'
import type { MessageClass } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { Rate } from '../queue/queue.ts'
import type { LoggedMessage } from '../store/store.ts'

/** A request as views see it, whatever server took it. */
export interface ViewRequest {
  readonly method: string
  /** The URL as the outside saw it, behind whatever proxies. */
  readonly url: string
  /** Without the question mark, as it came. */
  readonly rawQuery: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
  /** The address of the client. */
  readonly ip: string
}

/** What a view answers. */
export interface ViewAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A message as a view hands it to the router. */
export interface ReceivedMessage {
  readonly identity: string
  readonly text: string
  readonly fields?: Fields
  /** Our address it was sent to. */
  readonly address?: string
  /** The service's id, by which its repeats are known. */
  readonly externalId?: string
}

export interface ReceiveOptions {
  /** Milliseconds to wait for the responses, to give them in the answer to the request. */
  readonly wait?: number
}

export interface Received {
  readonly id: string
  /** The service has sent it before; nothing was recorded again. */
  readonly duplicate: boolean
  /** Present when waited for, and in time: the texts that the apps answered, now ours to give. */
  readonly responses?: readonly { readonly text: string; readonly end: boolean }[]
}

/** What views may use. */
export interface ViewTools<Settings> {
  readonly backend: string
  readonly settings: Settings
  readonly logger: Logger
  readonly clock: Clock
  receive(message: ReceivedMessage, options?: ReceiveOptions): Promise<Received>
  report(report: DeliveryReport): Promise<void>
  /** What went to and fro between us and one person, oldest first. */
  conversation(identity: string, limit: number): Promise<readonly LoggedMessage[]>
}

/** What answers one route of a backend. */
export interface View<Settings = unknown> {
  (request: ViewRequest, tools: ViewTools<Settings>): Promise<ViewAnswer>
  /** For the table of routes; the view itself answers 405 to others. */
  readonly methods?: readonly string[]
  /** It shows what people wrote: without a secret it answers this machine alone. */
  readonly showsMessages?: boolean
}

/** An HTTP request of a backend to its service. */
export interface HttpRequest {
  readonly method?: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Milliseconds; by default the backend's time limit. */
  readonly timeLimit?: number
}

export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
  text(): string
}

/** The client backends send with. An answer of any status is an answer; no answer throws `ConnectionError`. */
export interface HttpClient {
  request(request: HttpRequest): Promise<HttpResponse>
}

export interface SendTools<Settings> {
  readonly backend: string
  readonly settings: Settings
  readonly http: HttpClient
  /** This backend's own URLs as the outside sees them; undefined while `http.publicUrl` is not set. */
  readonly urls: { readonly status: string | undefined }
  readonly logger: Logger
  /** Hands an incoming message to the router, as a view would. */
  receive(message: ReceivedMessage): Promise<Received>
  report(report: DeliveryReport): Promise<void>
  /** Aborted when the time limit is over or the process stops. */
  readonly signal: AbortSignal
}

/** What a service said when it took a message. */
export interface SendResult {
  readonly externalIds?: readonly string[]
  /** By default the backend's state of success. */
  readonly state?: OutgoingState
  readonly parts?: number
  readonly cost?: number
  readonly currency?: string
  readonly network?: string
  readonly extra?: Fields
}

/** How an outgoing message of each class goes on when its outcome cannot be known. */
export type UnknownOutcome = Readonly<Record<MessageClass, 'settle' | 'retry'>>

/** How a backend hands messages to its service. */
export interface SendingSettings {
  readonly concurrency: number
  readonly rate?: Rate | undefined
  /** Milliseconds for one attempt. */
  readonly timeLimit: number
  readonly attempts: number
  /** Milliseconds before the first retry; doubled by each, with jitter, up to `longestDelay`. */
  readonly firstDelay: number
  readonly longestDelay: number
  /** Milliseconds after which a message is given up. */
  readonly maxAge: number
  readonly unknownOutcome: UnknownOutcome
}

/** Settings that every backend has beside its own. */
export interface CommonBackendSettings {
  /** The path its views hang under; `/backends/<name>/` by default. */
  readonly path?: string | undefined
  /** Paths of single views, by the view's name. */
  readonly paths: Readonly<Record<string, string>>
  readonly secret?: BackendSecret | undefined
  readonly sending: SendingSettings
  /** Keep from the outside and send nothing: state DEBUG. */
  readonly debug: boolean
  /** Milliseconds in which an equal text from the same identity is a repeat; 0 for services that give ids. */
  readonly window: number
}

/** What a request to a backend's views has to show. */
export type BackendSecret =
  | { readonly in: 'path'; readonly value: string }
  | { readonly in: 'header'; readonly name: string; readonly value: string }
  | { readonly in: 'basic'; readonly user: string; readonly password: string }

/** One named connection to one outside service, its settings parsed. */
export interface Backend {
  readonly kind: string
  readonly name: string
  readonly settings: unknown
  readonly common: CommonBackendSettings
  readonly views: Readonly<Record<string, View>>
  /** What the last state of success is: taken by the service, reported by it, or reported by the handset. */
  readonly reports: 'none' | 'service' | 'handset'
  /** The service removes duplicates itself, so an unknown outcome is simply tried again. */
  readonly removesDuplicates: boolean
  /** Absent when the backend only receives. */
  send?(message: OutgoingMessage, tools: SendTools<unknown>): Promise<SendResult | undefined>
  start?(tools: SendTools<unknown>): Promise<void>
  stop?(): Promise<void>
}
