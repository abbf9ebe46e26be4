import type { CallbackEvent, StoredCallback } from '../store/callback-store.ts'

/** What telling a callback came to. */
export type CallbackOutcome =
  | {
      readonly kind: 'answered'
      readonly status: number
      /** Milliseconds for which it wants to be left alone. */
      readonly retryAfter: number | undefined
    }
  /** Nobody answered, or nobody may be asked there. The text holds no secret. */
  | { readonly kind: 'unreached'; readonly failure: string }

/** Who reaches the outside for the callbacks. */
export interface CallbackClient {
  /** @throws InvalidInputError where the URL may not be told anything */
  check(url: string): Promise<void>
  /** Never throws. */
  tell(callback: StoredCallback, event: CallbackEvent, signal: AbortSignal): Promise<CallbackOutcome>
  /** Has it ask again after it was closed. */
  open(): void
  /** Ends whatever is still asked; nothing more is asked until it is opened again. */
  close(): Promise<void>
}
