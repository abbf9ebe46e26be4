import { systemClock } from '../../src/messages/clock.ts'
import { uuidv7Generator } from '../../src/messages/ids.ts'
import type { Lane } from '../../src/messages/lane.ts'
import type { Contact } from '../../src/store/contact.ts'
import type { Claim, Fence } from '../../src/store/fence.ts'
import type { ClaimedIncoming, Finish, NewIncoming } from '../../src/store/incoming-records.ts'
import type { AttemptResult, ClaimedOutgoing, NewOutgoing, NewReport } from '../../src/store/outgoing-records.ts'
import type { Store } from '../../src/store/store.ts'

/** The moment at which stored things happen, unless a test says otherwise. */
export const T0 = 1_700_000_000_000

/** When a test looks for what is due, unless it says otherwise. */
export const NOW = T0 + 60_000

export const newId = uuidv7Generator(systemClock)

export type OutgoingLane = Lane & { kind: 'outgoing' }

/** A message from a person, as a view records it. */
export function incomingRow(values: Partial<NewIncoming> = {}): NewIncoming {
  return {
    id: newId(),
    backend: 'gateway',
    identity: '15550001',
    address: '2020',
    text: 'hello',
    fields: {},
    externalId: null,
    receivedAt: T0,
    ...values,
  }
}

/** A message to a person, ready to be sent. */
export function outgoingRow(values: Partial<NewOutgoing> = {}): NewOutgoing {
  return {
    id: newId(),
    backend: 'gateway',
    identity: '15550001',
    address: null,
    text: 'hello yourself',
    class: 'normal',
    fields: {},
    options: {},
    params: {},
    inResponseTo: null,
    parts: 1,
    notBefore: 0,
    expiresAt: null,
    createdAt: T0,
    phased: false,
    once: false,
    state: 'WAITING',
    reason: null,
    contactId: null,
    tag: null,
    template: null,
    relatedTo: null,
    extra: null,
    ...values,
  }
}

export function incomingLane(identity = '15550001', owner = 'gateway'): Lane {
  return { kind: 'incoming', owner, identity }
}

export function outgoingLane(identity = '15550001', owner = 'gateway', messageClass = 'normal'): OutgoingLane {
  return { kind: 'outgoing', owner, identity, class: messageClass as OutgoingLane['class'] }
}

/** The result of phases that went well. */
export function finished(
  fence: Fence,
  message: Pick<ClaimedIncoming, 'seq' | 'id' | 'backend' | 'identity'>,
  values: Partial<Finish> = {},
): Finish {
  return {
    fence,
    message,
    outcome: { kind: 'processed', handledBy: null },
    outgoing: [],
    changes: [],
    at: T0 + 100,
    ...values,
  }
}

/** The result of an attempt that went well. */
export function sent(
  fence: Fence,
  message: Pick<ClaimedOutgoing, 'seq' | 'id' | 'backend' | 'identity'>,
  values: Partial<AttemptResult> = {},
): AttemptResult {
  return {
    fence,
    message,
    startedAt: T0 + 200,
    at: T0 + 300,
    outcome: { kind: 'settled', state: 'SENT' },
    externalIds: [],
    code: null,
    providerCode: null,
    error: null,
    cost: null,
    currency: null,
    network: null,
    extra: null,
    ...values,
  }
}

export function reportRow(values: Partial<NewReport> & { readonly externalId: string }): NewReport {
  return { backend: 'gateway', state: 'DELIVERED', receivedAt: T0 + 1_000, ...values }
}

export function contactRow(values: Partial<Contact> = {}): Contact {
  return {
    id: newId(),
    name: 'Ann',
    language: null,
    timeZone: null,
    optedOutAt: null,
    createdAt: T0,
    ...values,
  }
}

/** The only message of a claim's head, with its fence. */
export function head<Message>(claim: Claim<Message>): { readonly fence: Fence; readonly message: Message } {
  const message = claim.messages[0]
  if (message === undefined) throw new Error(`the lane ${claim.fence.lane} is empty`)
  return { fence: claim.fence, message }
}

/** Processes the first message of a lane. */
export async function processFirst(store: Store, lane: Lane, values: Partial<Finish> = {}): Promise<ClaimedIncoming> {
  const { fence, message } = head(await store.claimIncoming(lane, 1))
  await store.finishIncoming([finished(fence, message, values)])
  return message
}

/** Takes one attempt of the first message of a lane. */
export async function sendFirst(
  store: Store,
  lane: OutgoingLane,
  values: Partial<AttemptResult> = {},
): Promise<ClaimedOutgoing> {
  const { fence, message } = head(await store.claimOutgoing(lane, 1, NOW))
  await store.startAttempts([{ fence, message, at: values.startedAt ?? T0 + 200 }])
  await store.finishAttempts([sent(fence, message, values)])
  return message
}

/** Commits changes as an app makes them: with the result of a message. */
export async function change(store: Store, changes: Finish['changes'], values: Partial<NewIncoming> = {}) {
  const row = incomingRow({ identity: 'whoever', ...values })
  await store.recordIncoming([row])
  await processFirst(store, incomingLane(row.identity, row.backend), { changes, at: row.receivedAt })
}
