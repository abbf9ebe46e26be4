import type { IncomingState, OutgoingState } from '../../messages/states.ts'
import type { LoggedMessage } from '../../store/message-log.ts'

/** A message as the tester page shows it, and as its script is given it. */
export interface ShownMessage {
  readonly id: string
  readonly seq: number
  readonly direction: 'in' | 'out'
  readonly identity: string
  readonly text: string
  readonly state: IncomingState | OutgoingState
  readonly tone: Tone
  readonly meaning: string
  /** What went wrong, in a line to show. */
  readonly error: string | null
  /** ISO 8601. */
  readonly at: string
}

/** How a state is shown: on its way, as it should be, or wrong. */
export type Tone = 'open' | 'good' | 'bad'

interface Explained {
  readonly tone: Tone
  readonly meaning: string
}

export const incomingMeanings: Readonly<Record<IncomingState, Explained>> = {
  RECEIVED: { tone: 'open', meaning: 'recorded; the apps have not finished with it' },
  PROCESSED: { tone: 'good', meaning: 'the apps are done with it' },
  FAILED: { tone: 'bad', meaning: 'an app failed; the message is kept and can be replayed' },
}

export const outgoingMeanings: Readonly<Record<OutgoingState, Explained>> = {
  WAITING: { tone: 'open', meaning: 'no attempt to send it has been taken' },
  SENDING: { tone: 'open', meaning: 'being given to the service' },
  SENT: { tone: 'good', meaning: 'accepted by the service and on its way' },
  DELIVERED: { tone: 'good', meaning: 'arrived' },
  ERROR: { tone: 'bad', meaning: 'it will not arrive' },
  UNKNOWN: { tone: 'bad', meaning: 'given to the service; the outcome cannot be known' },
  DEBUG: { tone: 'good', meaning: 'not sent, because debug is on for this backend' },
  CANCELLED: { tone: 'bad', meaning: 'an app vetoed it, the person opted out, or it expired' },
}

const meanings: Readonly<Record<IncomingState | OutgoingState, Explained>> = {
  ...incomingMeanings,
  ...outgoingMeanings,
}

export function toShown({ id, seq, direction, identity, text, state, error, tries, at }: LoggedMessage): ShownMessage {
  const { tone, meaning } = meanings[state]
  const again = tone === 'open' && error !== null
  return {
    id,
    seq,
    direction,
    identity,
    text,
    state,
    tone: again ? 'bad' : tone,
    meaning,
    error: error === null ? null : `Error: ${error}${again ? ` (${timesFailed(tries)}; to be tried again)` : ''}`,
    at: new Date(at).toISOString(),
  }
}

function timesFailed(tries: number): string {
  return tries === 1 ? 'failed once' : `failed ${tries} times`
}
