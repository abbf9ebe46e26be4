import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { BatchOutcome } from '../router/backend.ts'

/**
 * Sends a batch by services that take one text and a list of numbers: messages that differ in nothing but the recipient
 * share a request. The requests follow each other, and an error of one is that of its messages alone.
 * @param keyOf equal for messages that may share a request
 * @param sendGroup gives one group, in which nobody stands twice; one outcome for each message, in their order
 * @returns one outcome for each message, in their order
 */
export async function sendInGroups(
  messages: readonly OutgoingMessage[],
  keyOf: (message: OutgoingMessage) => string,
  sendGroup: (group: readonly OutgoingMessage[]) => Promise<readonly BatchOutcome[]>,
): Promise<readonly BatchOutcome[]> {
  const outcomes = new Map<OutgoingMessage, BatchOutcome>()
  for (const group of groupsOf(messages, keyOf)) {
    const given = await sendGroup(group).catch((error: unknown) => group.map(() => ({ error })))
    for (const [index, message] of group.entries()) {
      const outcome = given[index]
      if (outcome !== undefined) outcomes.set(message, outcome)
    }
  }
  return messages.flatMap((message) => outcomes.get(message) ?? [])
}

/** The second message to a person goes into another group: by a number alone its outcome could not be told apart. */
function groupsOf(
  messages: readonly OutgoingMessage[],
  keyOf: (message: OutgoingMessage) => string,
): readonly (readonly OutgoingMessage[])[] {
  const groups = new Map<string, Map<string, OutgoingMessage>>()
  for (const message of messages) {
    const key = keyOf(message)
    let round = 0
    while (groups.get(`${round} ${key}`)?.has(message.identity)) round++
    const group = groups.get(`${round} ${key}`) ?? new Map<string, OutgoingMessage>()
    groups.set(`${round} ${key}`, group.set(message.identity, message))
  }
  return [...groups.values()].map((group) => [...group.values()])
}
