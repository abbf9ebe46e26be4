import { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { HttpResponse } from '../router/backend.ts'
import { UnsupportedError } from '../router/errors.ts'

const session = z.object({ id: z.string(), event: z.enum(['new', 'resume', 'close']) })

/** What an outgoing message answers, where it goes to the person who wrote. */
export interface Dialogue {
  /** The service's id of the message that is answered. */
  readonly original: string | undefined
  /** Whether that came in a session. */
  readonly isSession: boolean
  /** For the service; null where there is no session to speak of. */
  readonly event: 'resume' | 'close' | null
}

/**
 * An answer that an app gives to somebody else carries the fields of the message it answers, but is no reply to it: a
 * service that sends replies to whoever wrote would send it to the wrong person.
 * @param senderField the field in which the incoming message names who wrote
 * @throws UnsupportedError when the session is over
 */
export function dialogueOf(message: OutgoingMessage, senderField: string): Dialogue {
  const { fields, identity, inResponseTo, options } = message
  const end = options.end === true ? 'close' : null
  if (fields[senderField] !== identity) return { original: undefined, isSession: false, event: end }
  const told = session.safeParse(fields['session'])
  if (told.success && told.data.event === 'close') {
    throw new UnsupportedError('The session is over; nothing can be shown in it any more.')
  }
  return {
    original: inResponseTo?.externalId ?? undefined,
    isSession: told.success,
    event: end ?? (told.success ? 'resume' : null),
  }
}

/**
 * Gives a message as a reply. Services remember for minutes what can be replied to (Junebug and the relay ten by
 * default): what comes later goes as a message of its own, except in a session, where only a reply is shown.
 */
export async function giveReply(
  { original, isSession }: Dialogue,
  post: (inReplyTo: string | undefined) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const response = await post(original)
  const mayBeForgotten = original !== undefined && !isSession && (response.status === 400 || response.status === 404)
  return mayBeForgotten && FORGOTTEN.test(response.text().slice(0, LONGEST_REFUSAL)) ? post(undefined) : response
}

/** Whatever answers with more is not Vumi, and would keep the pattern busy. */
const LONGEST_REFUSAL = 10_000

// "Invalid in_reply_to value" (Vumi Go), "Inbound message with id … not found" (Junebug), "Original message … not
// found." and "Support for `in_reply_to` not configured." (the relay).
const FORGOTTEN = /in_reply_to|message\b.{0,1100}\bnot found/i
