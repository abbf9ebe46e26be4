import type { Signals } from '../queue/signals.ts'

/** A message of either direction has been recorded, or stands otherwise than before. */
export interface ConversationSignal {
  readonly id: string
}

/** A channel on which pages hear that something happened to a person's conversation. */
export const conversationChannel = (backend: string) => `conversation:${backend}`

/** Tells whoever looks on. Nobody waits for it: what looks on reads the store, and reads it again when in doubt. */
export function tellConversation(signals: Signals, backend: string, id: string): void {
  signals.publish(conversationChannel(backend), { id } satisfies ConversationSignal).catch(ignore)
}

function ignore(): void {}
