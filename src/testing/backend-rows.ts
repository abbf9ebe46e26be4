import type { BackendInput } from '../backends/define.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { CheckedMessage, SendResult } from '../router/backend.ts'
import type { TextRequest } from '../router/send-request.ts'
import type { Canned, FarRequest } from './far-side.ts'

/** A request to one of the backend's views, and what is answered. */
export interface RequestRow {
  readonly label: string
  /** GET by default, POST where there is a body. */
  readonly method?: string
  /** Below the backend's own path: `status?id=1`. */
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly status: number
  /** The exact body of the answer, or a pattern. */
  readonly answer?: string | RegExp
  readonly answerHeaders?: Readonly<Record<string, string>>
}

/** A message as apps get it; what is left out is null, or without fields. */
export interface ExpectedMessage {
  readonly identity: string
  readonly text: string
  readonly address?: string | null
  readonly externalId?: string | null
  readonly fields?: Readonly<Record<string, unknown>>
}

/** A request that brings messages, and what apps get; where it names none, nothing may be recorded. */
export interface IncomingRow extends RequestRow {
  readonly message?: ExpectedMessage
  readonly messages?: readonly ExpectedMessage[]
}

/** A request that reports, and exactly what is reported. */
export interface ReportRow extends RequestRow {
  readonly reports?: readonly DeliveryReport[]
}

/** What a service is asked: of each request, what is named is compared; of headers, those named. */
export type ExpectedRequest = Partial<Pick<FarRequest, 'method' | 'target' | 'headers' | 'body'>>

export interface ExpectedError {
  readonly code: string
  readonly providerCode?: string
  readonly text?: RegExp
  /** Whether the service may have taken the message all the same. */
  readonly unknown?: boolean
}

interface AskingRow {
  readonly label: string
  /** What the service answers, in the order it is asked. */
  readonly answers: readonly Canned[]
  /** Exactly these requests. */
  readonly requests: readonly ExpectedRequest[]
}

/** What a message to be sent says; by default `hello` to +254700000001. */
export type RowMessage = Omit<TextRequest, 'to' | 'text'> & { readonly to?: string; readonly text?: string }

/** A message to send, and what comes of it. */
export interface OutgoingRow extends AskingRow {
  readonly send: RowMessage
  /** The state of success; SENT by default. */
  readonly state?: string
  /** Exactly what `send` returns, where it is compared. */
  readonly result?: SendResult
  readonly error?: ExpectedError
}

/** Messages for one call of `sendBatch`, and what comes of each. */
export interface BatchRow extends AskingRow {
  readonly messages: readonly RowMessage[]
  readonly outcomes?: readonly ({ readonly result: SendResult } | { readonly error: ExpectedError })[]
  /** When the request as a whole fails. */
  readonly error?: ExpectedError
}

/** Messages for one call of `checkStates`, and exactly what it returns. */
export interface CheckRow extends AskingRow {
  readonly messages: readonly Partial<CheckedMessage>[]
  readonly reports?: readonly DeliveryReport[]
  readonly error?: ExpectedError
}

/** One call of `poll`, what apps get, and what is remembered after it. */
export interface PollRow extends AskingRow {
  /** Remembered before it. */
  readonly remembered?: Readonly<Record<string, unknown>>
  readonly messages?: readonly ExpectedMessage[]
  readonly memory?: Readonly<Record<string, unknown>>
  readonly error?: ExpectedError
}

/** A call of a method of the backend's own. */
export interface CallRow extends AskingRow {
  readonly method: string
  readonly values?: readonly unknown[]
  readonly result?: unknown
  readonly error?: ExpectedError
}

/** One backend and all that is known of it. */
export interface BackendTable {
  /** The name it stands under in the settings. */
  readonly name: string
  /** @param url where the service is played, without a slash at the end */
  readonly backend: (url: string) => BackendInput
  /** What the backend's path is, where it is not the convention's. */
  readonly path?: string
  /** What may never stand in a log or an error. */
  readonly secrets?: readonly string[]
  readonly incoming?: readonly IncomingRow[]
  readonly reports?: readonly ReportRow[]
  readonly outgoing?: readonly OutgoingRow[]
  readonly batches?: readonly BatchRow[]
  readonly checks?: readonly CheckRow[]
  readonly polls?: readonly PollRow[]
  readonly calls?: readonly CallRow[]
  /** `false` where sending does not use HTTP, so that a service that hangs or answers nonsense cannot be played. */
  readonly failures?: false
}
