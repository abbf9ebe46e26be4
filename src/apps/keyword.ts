import type { IncomingMessage } from '../messages/incoming.ts'
import type { Answer, App } from '../router/app.ts'
import type { AppContext } from '../router/context.ts'
import { DelegatedContext } from './delegated-context.ts'

/** The context of a keyword's handler, with what stood behind the keyword. */
export class KeywordContext extends DelegatedContext {
  /** The text behind the keyword, without the blanks and `,;:` between them; its own end is left as it is. */
  readonly rest: string
  /** The keyword as it was written. */
  readonly keyword: string

  constructor(context: AppContext, rest: string, keyword: string) {
    super(context)
    this.rest = rest
    this.keyword = keyword
  }
}

export interface KeywordHandlers {
  /** The keyword stood alone. */
  help?(message: IncomingMessage, context: KeywordContext): unknown
  /** Something stood behind it, in `context.rest`. */
  handle(message: IncomingMessage, context: KeywordContext): unknown
}

export interface KeywordOptions {
  /** By default `keyword:` and the first word. */
  readonly name?: string
  /**
   * Matches exactly as RapidSMS's KeywordHandler: no word's end is needed (`registered` matches `register`),
   * the first word that fits wins over a longer one, and blanks inside the keyword do not count.
   */
  readonly legacy?: boolean
  readonly only?: App['only']
}

/**
 * An app that answers to a word at the beginning of a message, whatever its case: `keyword('register|reg', …)`.
 * The longest word is tried first, and it has to end where the text's word ends. A match counts as handled
 * whatever the handler returns.
 * @param words one or several, with `|` between them; a keyword may have several words (`sign up`)
 * @param handler called with what stood behind the keyword (an empty text when nothing did), or one function for
 *   each case; without `help`, a lone keyword is handled with an empty rest
 * @throws TypeError when there is no word
 */
export function keyword(
  words: string,
  handler: ((message: IncomingMessage, context: KeywordContext) => unknown) | KeywordHandlers,
  { name, legacy = false, only }: KeywordOptions = {},
): App {
  const list = words
    .split('|')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  if (list.length === 0) throw new TypeError(`keyword: at least one word is expected, not ${JSON.stringify(words)}`)
  const expression = legacy ? legacyExpression(words) : keywordExpression(list)
  const handlers: KeywordHandlers = typeof handler === 'function' ? { handle: handler } : handler

  return {
    name: name ?? `keyword:${list[0]}`,
    keywords: list.map((word) => word.toLowerCase().replace(/\s+/g, ' ')),
    ...(only === undefined ? {} : { only }),
    handle(message, context): Answer {
      const match = expression.exec(message.text)
      if (match === null) return undefined
      const own = new KeywordContext(context, match[2] ?? '', match[1] ?? '')
      const isAlone = own.rest.trim() === ''
      const run = isAlone && handlers.help !== undefined ? handlers.help : handlers.handle
      return handled(run.call(handlers, message, own))
    },
  }
}

/** Waits for whatever the handler started; then the message is handled. */
export function handled(returned: unknown): true | Promise<true> {
  return returned instanceof Promise ? returned.then(() => true as const) : true
}

function keywordExpression(words: readonly string[]): RegExp {
  const longestFirst = [...words].sort((a, b) => b.length - a.length)
  const alternatives = longestFirst.map((word) => word.split(/\s+/).map(escaped).join('\\s+')).join('|')
  return new RegExp(`^\\s*(${alternatives})(?![\\p{L}\\p{N}\\p{M}_])[\\s,;:]*([^\\s,;:][^]*)?$`, 'iu')
}

/** RapidSMS compiles `^\s*(?:KEYWORD)[\s,;:]*([^\s,;:].*)?$` with IGNORECASE, VERBOSE and DOTALL. */
function legacyExpression(words: string): RegExp {
  return new RegExp(`^\\s*(${words.replace(/\s+/g, '')})[\\s,;:]*([^\\s,;:][^]*)?$`, 'i')
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
