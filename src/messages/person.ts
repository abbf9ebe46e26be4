import { InvalidInputError } from './errors.ts'

/** Code points that a name may have. */
export const LONGEST_NAME = 200
/** Code points that the name of a group may have. */
export const LONGEST_GROUP = 100
const CONTROL = /[\p{Cc}\u2028\u2029]/u
const LANGUAGE = /^[a-z]{2,3}(?:-|$)/i
const IANA = /^[A-Za-z][\w+\-/]{1,63}$/

/**
 * A person's name as it is kept: without blanks around it.
 * @throws InvalidInputError naming the field
 */
export function checkedName(given: unknown, field = 'name'): string {
  return checkedLine(given, field, LONGEST_NAME)
}

/**
 * The name of a group as it is kept.
 * @throws InvalidInputError naming the field
 */
export function checkedGroup(given: unknown, field = 'group'): string {
  return checkedLine(given, field, LONGEST_GROUP)
}

/**
 * A language as a BCP 47 tag in its usual writing: `sw`, `pt-BR` for `PT_br`.
 * @throws InvalidInputError naming the field
 */
export function checkedLanguage(given: unknown, field = 'language'): string {
  const tag = typeof given === 'string' ? given.trim().replaceAll('_', '-') : ''
  try {
    const [language] = LANGUAGE.test(tag) ? Intl.getCanonicalLocales(tag) : []
    if (language !== undefined) return language
  } catch {
    // Not well-formed: told below.
  }
  throw new InvalidInputError(`${field}: a BCP 47 tag such as en, sw or pt-BR is expected, not ${shown(given)}`)
}

/**
 * A time zone by its IANA name, as this machine knows them: `Africa/Nairobi`.
 * @throws InvalidInputError naming the field
 */
export function checkedTimeZone(given: unknown, field = 'timeZone'): string {
  const name = typeof given === 'string' ? given.trim() : ''
  try {
    if (IANA.test(name)) {
      const known = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone
      // Of two names of one zone, the given one is kept.
      return known.toLowerCase() === name.toLowerCase() ? known : name
    }
  } catch {
    // Not known: told below.
  }
  throw new InvalidInputError(`${field}: an IANA time zone such as Africa/Nairobi is expected, not ${shown(given)}`)
}

/** A value from outside as errors show it: quoted, and cut. */
export function shown(given: unknown): string {
  if (typeof given !== 'string') return given === null ? 'null' : typeof given
  const points = [...given.slice(0, 2 * LONGEST_SHOWN)]
  const cut = points.length > LONGEST_SHOWN ? `${points.slice(0, LONGEST_SHOWN).join('')}…` : given
  return JSON.stringify(cut)
}

const LONGEST_SHOWN = 60

function checkedLine(given: unknown, field: string, longest: number): string {
  const text = typeof given === 'string' ? given.toWellFormed().trim() : ''
  const fault = faultOf(given, text, longest)
  if (fault !== undefined) throw new InvalidInputError(`${field}: ${fault}`)
  return text
}

function faultOf(given: unknown, text: string, longest: number): string | undefined {
  if (typeof given !== 'string') return `a text is expected, not ${shown(given)}`
  if (text === '') return 'a text is expected, not an empty one'
  // No text of more code units has few enough code points.
  if (text.length > 2 * longest || [...text].length > longest) return `at most ${longest} characters are expected`
  return CONTROL.test(text) ? 'a text of one line is expected, without control characters' : undefined
}
