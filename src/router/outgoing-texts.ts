import { measureText } from '../messages/gsm.ts'
import type { Fields } from '../messages/incoming.ts'
import type { Logger } from '../messages/logger.ts'
import { isInSession } from '../messages/session.ts'
import { type RuledText, ruledText, writtenText } from '../messages/text-rules.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { Backend } from './backend.ts'

export interface OutgoingTextsParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly newId: () => string
  readonly logger: Logger
}

/** What of a message its text is ruled by. */
interface Written {
  readonly id: string
  readonly backend: string
  readonly identity: string
  readonly text: string
  readonly fields: Fields
}

/** Applies the text rules of each backend to what is to be sent over it. */
export class OutgoingTexts {
  readonly #parts: OutgoingTextsParts

  constructor(parts: OutgoingTextsParts) {
    this.#parts = parts
  }

  /** The text, or texts in their order; or why it may not be sent. */
  ruled(message: Written): RuledText {
    const { backends, logger } = this.#parts
    const { id, backend, identity, fields } = message
    const text = message.text.toWellFormed()
    const to = backends.get(backend)
    // Copies for programs are no messages to people.
    if (to === undefined || to.copies !== undefined) return { texts: [text], leftOut: 0 }
    const rules = to.common.text
    // What answers within a USSD session is no SMS and has no parts.
    if (isInSession(fields)) return { texts: [writtenText(text, rules)], leftOut: 0 }
    const ruled = ruledText(text, rules)
    if ('leftOut' in ruled && ruled.leftOut > 0) {
      logger.warn({ id, backend, identity, text, leftOut: ruled.leftOut }, 'a text is too long and was cut')
    }
    return ruled
  }

  /** The response with its text ruled; several where it was split, one in ERROR with the reason where it was refused. */
  responses(response: NewOutgoing): readonly NewOutgoing[] {
    const text = response.text.toWellFormed()
    if (response.state === 'CANCELLED') return [sized(response, text)]
    const ruled = this.ruled(response)
    if ('texts' in ruled) return this.messages(response, ruled.texts)
    const { id, backend, identity } = response
    const reason = ruled.refused
    this.#parts.logger.warn({ id, backend, identity, text, reason }, 'a response is too long and is not sent')
    return [sized({ ...response, state: 'ERROR', reason }, text)]
  }

  /** A message for each of the texts, the first one with the id of the message itself. */
  messages(message: NewOutgoing, texts: readonly string[]): readonly NewOutgoing[] {
    const { newId } = this.#parts
    return texts.map((text, index) => sized(index === 0 ? message : { ...message, id: newId() }, text))
  }
}

function sized(message: NewOutgoing, text: string): NewOutgoing {
  return { ...message, text, parts: measureText(text).parts }
}
