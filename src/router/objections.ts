import type { Connection } from '../messages/incoming.ts'
import type { ClaimedIncoming } from '../store/incoming-records.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { Brake } from './brake.ts'
import type { AppContext } from './context.ts'
import { OPTED_OUT, passesOptOut } from './opt-outs.ts'
import type { Staleness } from './staleness.ts'

/** Why a response may not leave, before any app is asked. */
export class Objections {
  readonly #brake: Brake
  readonly #staleness: Staleness

  constructor(brake: Brake, staleness: Staleness) {
    this.#brake = brake
    this.#staleness = staleness
  }

  /**
   * @param defaultOf the app whose `default` gave the response, if one did
   * @returns the reason, kept with the message; null when there is none
   */
  async against(
    draft: NewOutgoing,
    to: ClaimedIncoming,
    context: AppContext,
    defaultOf: string | undefined,
  ): Promise<string | null> {
    const silence = await this.#staleness.silence(to)
    if (silence !== null) return silence
    // What is given in the answer to the request has no attempt before which this is asked.
    const mayBeOut = isSame(draft, to) && !passesOptOut(draft)
    if (mayBeOut && (await context.optOut.get())) return OPTED_OUT
    if (defaultOf === undefined) return null
    return this.#brake.stops({ app: defaultOf, text: draft.text }, to, context.documents, draft.createdAt)
  }
}

function isSame(a: Connection, b: Connection): boolean {
  return a.backend === b.backend && a.identity === b.identity
}
