import type { DialledNumber } from '../../messages/dialled-number.ts'
import { InvalidInputError } from '../../messages/errors.ts'
import type { Text } from '../../messages/incoming.ts'
import { chooseText } from '../../messages/language.ts'
import type { Logger } from '../../messages/logger.ts'
import { ruledText } from '../../messages/text-rules.ts'
import { CancelledError, ProviderError } from '../../router/errors.ts'
import type { Router } from '../../router/router.ts'
import type { Store } from '../../store/store.ts'
import type { HandlerSettings } from './settings.ts'

export interface SendingParts {
  readonly router: Router
  readonly store: Store
  readonly logger: Logger
  /** The project's languages, the first one first. */
  readonly languages: readonly string[]
  /** Milliseconds to wait for the service. */
  readonly answerLimit: number
}

/** `accepted`: on disk, and what the service says of it is not known yet. */
export type Sent = 'sent' | 'accepted' | 'failed'

const OPEN_STATES: readonly string[] = ['WAITING', 'SENDING']

/** Sends the texts of handlers, and waits for what the service says. */
export class Sending {
  readonly #parts: SendingParts

  constructor(parts: SendingParts) {
    this.#parts = parts
  }

  /**
   * @param languages of whoever asks, the one liked best first
   * @throws StoreUnavailableError, NotRunningError when it cannot be taken now
   */
  async send(
    name: string,
    handler: HandlerSettings,
    number: DialledNumber,
    languages: readonly string[],
  ): Promise<Sent> {
    const { router, logger, answerLimit } = this.#parts
    const backend = backendOf(router, handler)
    const { from, northAmericaFrom = from } = handler
    const sender = number.isNorthAmerican ? northAmericaFrom : from
    try {
      const text = await this.#textOf(handler.text, { backend, identity: number.e164 }, languages)
      const request = {
        to: number.e164,
        text,
        tag: `proxy/${name}`,
        // Where the handler names none, the settings' routes choose.
        ...(handler.backend === undefined ? {} : { backend: handler.backend }),
        ...(sender === undefined ? {} : { from: sender }),
      }
      if (answerLimit === 0 || isSplit(router, handler, text)) {
        await router.send({ ...request, class: 'urgent' })
        return 'accepted'
      }
      const { state } = await router.sendNow(request, answerLimit)
      return OPEN_STATES.includes(state) ? 'accepted' : 'sent'
    } catch (error) {
      const isAnswer = error instanceof ProviderError || error instanceof CancelledError
      if (!isAnswer && !(error instanceof InvalidInputError)) throw error
      logger.warn({ handler: name, backend, identity: number.e164, err: error }, 'a message of the proxy was not sent')
      return 'failed'
    }
  }

  /** In the language that is known of the person, else in one that whoever asks likes. */
  async #textOf(
    text: Text,
    connection: { readonly backend: string; readonly identity: string },
    languages: readonly string[],
  ): Promise<string> {
    if (typeof text === 'string') return text
    const { router, store, languages: fallbacks } = this.#parts
    const contact = await store.contacts.ofConnection(router.canonical(connection))
    return chooseText(text, contact?.language ?? null, [...languages, ...fallbacks])
  }
}

/** The backend of a handler: the one it names, else the first that can send, which it is unless routes choose another. */
export function backendOf(
  { backends }: Pick<Router, 'backends'>,
  { backend }: Pick<HandlerSettings, 'backend'>,
): string {
  if (backend !== undefined) return backend
  for (const [name, { send, copies }] of backends) if (send !== undefined && copies === undefined) return name
  throw new InvalidInputError('backend: no backend of the settings can send')
}

/** What becomes several messages cannot be waited for as one. */
function isSplit({ backends }: Router, { backend }: HandlerSettings, text: string): boolean {
  const candidates = backend === undefined ? [...backends.values()] : [backends.get(backend)]
  return candidates.some((candidate) => {
    const rules = candidate?.common.text
    if (candidate?.send === undefined || rules?.tooLong !== 'split') return false
    const ruled = ruledText(text, rules)
    return 'texts' in ruled && ruled.texts.length > 1
  })
}
