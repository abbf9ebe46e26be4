import type { Connection } from './incoming.ts'

/** A backend that may take a message: the recipient as that backend writes it, and our address there. */
export interface RouteStep extends Connection {
  readonly address: string | null
}

/** What a routed message carries with it. */
export interface OutgoingRoute {
  /** Why the message is with its backend, for people to read. */
  readonly why: string
  /** The backends that it may still move to, the best first; each is used once. */
  readonly next: readonly RouteStep[]
  /** Where it was before, the last one last. */
  readonly left: readonly Connection[]
}
