import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { Received, SendTools } from '../router/backend.ts'
import { NotRunningError } from '../router/errors.ts'
import { type BackendInput, type CommonBackendInput, defineBackend, IN_PROCESS, NO_SMS } from './define.ts'

/** A message as a subscriber of the loopback gets it. */
export interface LoopbackMessage {
  readonly message: OutgoingMessage
  /** Answers as the subscriber's phone would; without effect when the sender allows no reply. */
  reply(text: string): Promise<void>
}

/** One line of the loopback's traffic. */
export interface LoopbackTraffic {
  readonly direction: 'in' | 'out'
  readonly identity: string
  readonly text: string
}

/** Nobody may ever ask for the traffic: memory has an end. */
const MOST_TRAFFIC = 10_000

export type Subscriber = (received: LoopbackMessage) => Promise<void> | void

/** The loopback's own methods, beside what makes it a backend of the settings. */
export interface Loopback extends BackendInput {
  /** Lets a callback answer to a number; the last one for a number counts. */
  subscribe(number: string, subscriber: Subscriber): Loopback
  /** A message from a number, as if its phone had sent it. */
  received(from: string, text: string): Promise<Received>
  /** All traffic since the last call, oldest first; of very much, the newest 10,000 lines. */
  traffic(): readonly LoopbackTraffic[]
}

/** Virtual phones in this process: what is sent to a subscribed number calls its subscriber, who may reply. */
export function loopback(input: CommonBackendInput = {}): Loopback {
  const subscribers = new Map<string, Subscriber>()
  let traffic: LoopbackTraffic[] = []
  let receive: SendTools<unknown>['receive'] | undefined

  const note = (line: LoopbackTraffic) => {
    traffic.push(line)
    if (traffic.length >= 2 * MOST_TRAFFIC) traffic = traffic.slice(-MOST_TRAFFIC)
  }

  const received = async (from: string, text: string): Promise<Received> => {
    if (receive === undefined) throw new NotRunningError('The loopback receives once the switchboard has started.')
    note({ direction: 'in', identity: from, text })
    return receive({ identity: from, text })
  }

  const make = defineBackend({
    kind: 'loopback',
    settings: z.strictObject({}),
    reports: 'handset',
    removesDuplicates: true,
    concurrency: IN_PROCESS,
    text: NO_SMS,
    async start(tools) {
      receive = tools.receive
    },
    async stop() {
      receive = undefined
    },
    async send(message) {
      const { identity, text, options } = message
      note({ direction: 'out', identity, text })
      const subscriber = subscribers.get(digits(identity))
      const reply = async (answer: string) => {
        if (options.allowReply !== false) await received(identity, answer)
      }
      await subscriber?.({ message, reply })
      const delivered = options.statusReport === true && subscriber !== undefined
      return { externalIds: [message.id], state: delivered ? 'DELIVERED' : 'SENT' }
    },
  })

  const loop: Loopback = {
    ...make(input),
    subscribe(number, subscriber) {
      subscribers.set(digits(number), subscriber)
      return loop
    },
    received,
    traffic() {
      const seen = traffic.slice(-MOST_TRAFFIC)
      traffic = []
      return seen
    },
  }
  return loop
}

function digits(number: string): string {
  return number.replace(/\D+/g, '') || number
}
