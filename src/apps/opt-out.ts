import type { IncomingMessage, Text } from '../messages/incoming.ts'
import type { App } from '../router/app.ts'
import type { AppContext } from '../router/context.ts'
import { folded, type OptOutWish, optOutTexts, optOutWords } from './opt-out-words.ts'
import { withProjectName } from './project-name.ts'

export interface OptOutOptions {
  /** What the wishes are answered, or one text per language; `null` says nothing. Without a text, HELP is left to others. */
  readonly texts?: Partial<Readonly<Record<OptOutWish, Text | null>>>
  /** Stands in the texts for `%(project_name)s`. */
  readonly projectName?: string
  /** Whose words count, by their tags; those of all languages by default. English is always one of them. */
  readonly languages?: readonly string[]
  /** Words beside those of the languages. */
  readonly words?: Partial<Readonly<Record<OptOutWish, readonly string[]>>>
  /** Words that mean something else here. STOP, START and HELP stay. */
  readonly without?: readonly string[]
  readonly only?: App['only']
}

interface Meaning {
  readonly wish: OptOutWish
  /** Of the word, where it tells one. */
  readonly language: string | null
}

/** More is no single word, whatever surrounds it. */
const LONGEST = 100
const wishes: readonly OptOutWish[] = ['stop', 'start', 'help']

/**
 * Heeds STOP, START and HELP and their synonyms in several languages, where they are the whole message. Put it first: it
 * answers in the phase filter, so that no other app sees what it heeds. The router keeps everything from people who have
 * opted out but the answers to these words; where the opt-out holds is the setting `optOut.per`.
 * @throws TypeError when there are no words for a language
 */
export function optOut(options: OptOutOptions = {}): App {
  const { texts = {}, projectName = 'Switchboard', only } = options
  const answers = { ...optOutTexts, ...texts }
  const meanings = meaningsOf(options)
  const isHeeded = ({ wish }: Meaning) => wish === 'stop' || (wish === 'help' && answers.help !== null)

  return {
    name: 'opt-out',
    // START is heeded only of who has opted out: else another app may have it.
    keywords: [...meanings].filter(([, meaning]) => isHeeded(meaning)).map(([word]) => word),
    ...(only === undefined ? {} : { only }),
    async filter(message, context) {
      if (message.text.length > LONGEST) return undefined
      const meaning = meanings.get(folded(message.text))
      if (meaning === undefined) return undefined
      const { wish, language } = meaning
      const text = answers[wish] ?? null
      if (wish === 'help' && text === null) return undefined
      if (wish !== 'help') {
        const isOut = await context.optOut.get()
        // One confirmation only: a machine that says STOP to our answers would else go on with us for ever.
        if (wish === 'stop' && isOut) return true
        if (wish === 'start' && !isOut) return undefined
        await context.optOut.set(wish === 'stop')
      }
      if (text !== null) respond(message, context, withProjectName(text, projectName), language)
      return true
    },
  }
}

/** In the language of the word, where nobody knows the person's. */
function respond(message: IncomingMessage, context: AppContext, text: Text, language: string | null): void {
  const known = context.contact?.language ?? null
  const own = known !== null || language === null || typeof text === 'string' ? undefined : text[language]
  message.respond(own ?? text, { despiteOptOut: true })
}

function meaningsOf({ languages = Object.keys(optOutWords), words = {}, without = [] }: OptOutOptions) {
  const meanings = new Map<string, Meaning>()
  const add = (wish: OptOutWish, list: readonly string[], language: string | null) => {
    for (const word of list) {
      const known = meanings.get(folded(word))
      // A word of two languages tells neither.
      meanings.set(folded(word), { wish, language: known === undefined ? language : null })
    }
  }
  for (const language of new Set(['en', ...languages])) {
    const known = Object.hasOwn(optOutWords, language) ? optOutWords[language] : undefined
    if (known === undefined)
      throw new TypeError(`optOut: there are no words for the language ${JSON.stringify(language)}`)
    // People of all languages send the English words.
    for (const wish of wishes) add(wish, known[wish], language === 'en' ? null : language)
  }
  for (const word of without) meanings.delete(folded(word))
  for (const wish of wishes) add(wish, [wish, ...(words[wish] ?? [])], null)
  return meanings
}
