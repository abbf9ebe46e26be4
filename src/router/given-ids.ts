import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { AttemptResult } from '../store/outgoing-records.ts'
import type { Backend } from './backend.ts'
import { ProviderError } from './errors.ts'

/**
 * By which ids its service will report of a message of which we do not know whether it was taken: those that we gave
 * it. Asked for when that has happened, so that no other message pays for it.
 * @param error why it is not known, where `send` has thrown
 */
export function givenIds(
  message: OutgoingMessage,
  backend: Backend,
  error?: unknown,
): Pick<AttemptResult, 'externalIds'> {
  const said = error instanceof ProviderError ? error.externalIds : []
  return { externalIds: said.length > 0 ? said : known(message, backend) }
}

/** What a backend throws here by mistake takes nothing from what is known of the message. */
function known(message: OutgoingMessage, backend: Backend): readonly string[] {
  try {
    const ids = backend.idsOf?.(message, { settings: backend.settings }) ?? []
    return [...new Set(ids.map(String))]
  } catch {
    return []
  }
}
