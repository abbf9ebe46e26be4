import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { BatchOutcome } from '../router/backend.ts'
import { RequestError } from '../router/errors.ts'

/**
 * Sends a batch by services that take one text and a list of numbers: messages that differ in nothing but the recipient
 * share a request. The requests follow each other, and an error of one is that of its messages alone. What is refused
 * with status 400 is given again by halves, so that a number that the service does not like harms nobody else.
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
    const given = await sendHalved(group, sendGroup)
    for (const [index, message] of group.entries()) {
      const outcome = given[index]
      if (outcome !== undefined) outcomes.set(message, outcome)
    }
  }
  return messages.flatMap((message) => outcomes.get(message) ?? [])
}

async function sendHalved(
  group: readonly OutgoingMessage[],
  sendGroup: (group: readonly OutgoingMessage[]) => Promise<readonly BatchOutcome[]>,
): Promise<readonly BatchOutcome[]> {
  try {
    return await sendGroup(group)
  } catch (error) {
    if (group.length < 2 || !isBadRequest(error)) return group.map(() => ({ error }))
    const middle = Math.ceil(group.length / 2)
    const first = await sendHalved(group.slice(0, middle), sendGroup)
    return [...first, ...(await sendHalved(group.slice(middle), sendGroup))]
  }
}

/** By its HTTP status: nothing of it was taken. */
function isBadRequest(error: unknown): boolean {
  return error instanceof RequestError && error.providerCode === '400'
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
