import type { Text } from '../messages/incoming.ts'
import type { TemplateEngine } from './template-engine.ts'

const LONGEST_SLUG = 100
const MOST_LANGUAGES = 100
/** Of all languages together: each character takes its time to parse. */
const MOST_CHARS = 100_000
const LANGUAGE = /^[a-z]{2,8}([-_][a-z0-9]{1,8})*$/i

/** What is wrong with a body, and in which of its languages; null where it has but one text, or is none. */
export interface BodyFault {
  readonly language: string | null
  readonly message: string
}

/** A slug is made of letters of ASCII, digits, `-` and `_`. */
export function isSlug(given: unknown): given is string {
  return typeof given === 'string' && given.length <= LONGEST_SLUG && /^[a-z0-9_-]+$/i.test(given)
}

/** Everything that is wrong with the body of a template; nothing when it is a `Text` whose every text can be parsed. */
export function bodyFaults(body: unknown, engine: TemplateEngine): readonly BodyFault[] {
  if (typeof body === 'string') return textFaults(body, null, engine)
  const entries = typeof body === 'object' && body !== null && !Array.isArray(body) ? Object.entries(body) : []
  if (entries.length === 0) return [{ language: null, message: 'a text is expected, or one for each language' }]
  if (entries.length > MOST_LANGUAGES)
    return [{ language: null, message: `at most ${MOST_LANGUAGES} languages are expected` }]
  if (JSON.stringify(body).length > MOST_CHARS)
    return [{ language: null, message: `at most ${MOST_CHARS} characters in all languages together are expected` }]
  return entries.flatMap(([language, text]) => {
    if (LANGUAGE.test(language)) return textFaults(text, language, engine)
    return [{ language, message: 'the tag of a language is expected, such as sw or pt-BR' }]
  })
}

export function isBody(body: unknown, engine: TemplateEngine): body is Text {
  return bodyFaults(body, engine).length === 0
}

function textFaults(text: unknown, language: string | null, engine: TemplateEngine): readonly BodyFault[] {
  if (typeof text !== 'string') return [{ language, message: 'a text is expected' }]
  const message = engine.fault(text)
  return message === undefined ? [] : [{ language, message }]
}
