import type { Clock } from '../messages/clock.ts'
import type { TextCoding } from '../messages/coding.ts'
import type { Fields } from '../messages/incoming.ts'
import type { MessageClass } from '../messages/lane.ts'
import type { Logger } from '../messages/logger.ts'
import type { Region } from '../messages/numbers.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { TextRules } from '../messages/text-rules.ts'
import type { Rate } from '../queue/queue.ts'
import type { LoggedMessage } from '../store/message-log.ts'
import type { Copy, Passing, RelayedMessage, RelayOutcome } from './passing.ts'

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

/**
 * One part of a long message, as a service hands on what it does not join itself. Its place in the whole is what the
 * service says, or the user data header of the part (`partOf` in src/messages/udh.ts).
 */
export interface ReceivedPart extends Omit<ReceivedMessage, 'text'> {
  /** Equal in all parts of one message. */
  readonly reference: string
  readonly total: number
  /** From 1. */
  readonly number: number
  /** What it says: text, or bytes where a character may be cut apart by the border of two parts. */
  readonly content: string | { readonly bytes: Uint8Array; readonly coding: TextCoding }
}

export interface TakenPart {
  /** The part was known already. */
  readonly duplicate: boolean
  /** The id of the whole message, once all of it is there and it was recorded. */
  readonly id: string | null
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
  /** For what has to be fetched to check a request; give each request its `timeLimit`, as there is no other. */
  readonly http: HttpClient
  receive(message: ReceivedMessage, options?: ReceiveOptions): Promise<Received>
  /** Takes a part of a long message; resolves when it is on disk. The whole is one incoming message. */
  receivePart(part: ReceivedPart): Promise<TakenPart>
  report(report: DeliveryReport): Promise<void>
  /** The messages that wait for a gateway to fetch them. */
  readonly outbox: Outbox
  /** What the backend keeps of its own from one call to the next, in all processes. */
  readonly memory: BackendMemory
  /** What went to and fro between us and one person, oldest first. */
  conversation(identity: string, limit: number): Promise<readonly LoggedMessage[]>
  /** A message of either direction and of any backend, by our id. */
  find(id: string): Promise<LoggedMessage | undefined>
  /**
   * Sends a message that came in from another program, over whichever backend, with one attempt; see `Router.sendNow`.
   * @param limit milliseconds to wait for what the service says; then the state is WAITING
   */
  relay(message: RelayedMessage, limit: number): Promise<RelayOutcome>
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

/** Plain JSON by key, kept in the store under the backend's name: where polling got to, a token and its end. */
export interface BackendMemory {
  get(key: string): Promise<unknown>
  /** @param value `undefined` forgets it */
  put(key: string, value: unknown): Promise<void>
}

/** A message as a gateway gets it that fetches what it is to send. */
export interface OutboxMessage {
  readonly id: string
  readonly identity: string
  readonly address: string | null
  readonly text: string
  /** How often it was leased, with this time. */
  readonly tries: number
}

/** Messages that wait to be fetched. All of it is on disk and shared by all processes. */
export interface Outbox {
  /** For `send` of a backend whose gateway fetches. Adding the same message again changes nothing. */
  add(message: OutgoingMessage): Promise<SendResult>
  /**
   * Leases waiting messages to a device, oldest first. While a message is leased, later ones to the same person are
   * given to the same device only.
   * @param time milliseconds until what is not confirmed is leased again
   */
  lease(device: string, limit: number, time: number): Promise<readonly OutboxMessage[]>
  /**
   * Notes what a gateway says of a message. A final state takes it out; `SENT` ends the lease too.
   * @returns false when there is no such message
   */
  confirm(id: string, state: 'SENT' | 'DELIVERED' | 'ERROR', details?: OutboxDetails): Promise<boolean>
}

export interface OutboxDetails {
  /** The gateway's own code and text. */
  readonly code?: string
  readonly text?: string
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
  receivePart(part: ReceivedPart): Promise<TakenPart>
  report(report: DeliveryReport): Promise<void>
  readonly outbox: Outbox
  /** What the backend keeps of its own from one call to the next, in all processes. */
  readonly memory: BackendMemory
  /** Aborted when the time limit is over or the process stops. */
  readonly signal: AbortSignal
}

/** What a service said when it took a message. */
export interface SendResult {
  /** Of several, each is that of one part, of which the service reports by itself; unless `idsName` says otherwise. */
  readonly externalIds?: readonly string[]
  /** What several ids name: `parts` by default; `message` where all of them name the one message. */
  readonly idsName?: 'parts' | 'message'
  /** By default the backend's state of success. */
  readonly state?: OutgoingState
  readonly parts?: number
  readonly cost?: number
  readonly currency?: string
  readonly network?: string
  readonly extra?: Fields
}

/** What came of one message of a batch. */
export type BatchOutcome = { readonly result: SendResult } | { readonly error: unknown }

/** A message whose state is asked for. */
export interface CheckedMessage {
  readonly id: string
  readonly identity: string
  readonly externalIds: readonly string[]
  /** When it was given to the service. */
  readonly sentAt: number
}

/** A method of a backend's own, beside sending: its balance. Called by `router.call(backend, method, …)`. */
export type BackendMethod<Settings> = (tools: SendTools<Settings>, ...values: readonly unknown[]) => Promise<unknown>

/** How an outgoing message of each class goes on when its outcome cannot be known. */
export type UnknownOutcome = Readonly<Record<MessageClass, 'settle' | 'retry'>>

/** When one message is tried while the others wait. Times are milliseconds; each is twice the one before. */
export interface ProbeSettings {
  readonly firstProbe: number
  readonly longestProbe: number
}

/** When a service is held for failing. */
export interface CircuitSettings extends ProbeSettings {
  /** Attempts in a row that failed. */
  readonly failures: number
  /** Milliseconds from the beginning of the first of them. */
  readonly silence: number
}

/** What may be sent over a backend in a day. */
export interface DailyCap {
  readonly messages?: number | undefined
  readonly parts?: number | undefined
  /** In the currency that the service, or the price table, tells. */
  readonly cost?: number | undefined
  /** The classes that go on all the same; they are counted too. */
  readonly goOn: readonly MessageClass[]
}

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
  /** While the backend is paused. */
  readonly pause: ProbeSettings
  /** False where each message runs into its own errors, whatever those before it have met. */
  readonly circuit: CircuitSettings | false
  readonly dailyCap?: DailyCap | undefined
}

/** How a backend's identities are understood as phone numbers. */
export interface NumberRules {
  /** Whose national forms are understood. */
  readonly region?: Region | undefined
}

/** Settings that every backend has beside its own. */
export interface CommonBackendSettings {
  /** The path its views hang under; `/backends/<name>/` by default. */
  readonly path?: string | undefined
  /** Paths of single views, by the view's name. */
  readonly paths: Readonly<Record<string, string>>
  readonly secret?: BackendSecret | undefined
  readonly sending: SendingSettings
  readonly text: TextRules
  /** False where identities are no phone numbers. */
  readonly numbers: NumberRules | false
  /** Keep from the outside and send nothing: state DEBUG. */
  readonly debug: boolean
  /** Milliseconds in which an equal text from the same identity is a repeat; 0 for services that give ids. */
  readonly window: number
  /** Milliseconds to wait for the missing parts of a long message. */
  readonly joinTimeLimit: number
  /** Milliseconds back in which a report by number looks for its message. */
  readonly reportWindow: number
  /** Milliseconds from one poll to the next; absent when the service is not polled. */
  readonly pollInterval?: number | undefined
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
  /**
   * Gives several messages at once.
   * @returns one outcome for each message, in their order
   * @throws when the request as a whole failed: the same for each of them
   */
  sendBatch?(messages: readonly OutgoingMessage[], tools: SendTools<unknown>): Promise<readonly BatchOutcome[]>
  /** Messages that one call of `sendBatch` takes at the most. */
  readonly batchLimit: number
  /** The ids that we choose for a message, by which its service reports; known before it is given. */
  idsOf?(message: OutgoingMessage, own: { readonly settings: unknown }): readonly string[]
  /** Asks the service what became of messages; those it does not know are left out. */
  checkStates?(messages: readonly CheckedMessage[], tools: SendTools<unknown>): Promise<readonly DeliveryReport[]>
  /** Fetches incoming messages; in one process at a time, each `pollInterval`. */
  poll?(tools: SendTools<unknown>): Promise<void>
  /** What it hands on of all that passes through; such a backend is nobody's default for sending. */
  copies?(passing: Passing, own: { readonly backend: string; readonly settings: unknown }): readonly Copy[]
  readonly methods: Readonly<Record<string, BackendMethod<unknown>>>
  start?(tools: SendTools<unknown>): Promise<void>
  stop?(): Promise<void>
}
