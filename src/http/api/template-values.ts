import { Refusal } from './api-answer.ts'
import type { Values } from './read-values.ts'

const PREFIX = 'template_'
const NAME = /^[a-z]\w{0,49}$/i
const MOST_NAMES = 50
const LONGEST_VALUE = 10_000
/** The recipient stands there. */
const TAKEN = 'contact'

const UNEVEN = 'Number of to_msisdns and template variables do not match'

/**
 * The values of each recipient: the first of every `template_<name>` belongs to the first number.
 * @param known the fields of the request that are no values
 * @throws Refusal
 */
export function templateValues(
  body: Values,
  known: ReadonlySet<string>,
  count: number,
): readonly Readonly<Record<string, string>>[] {
  const given = Object.entries(body).filter(([name, value]) => !known.has(name) && value !== undefined)
  if (given.length > MOST_NAMES) throw refusal('template', `at most ${MOST_NAMES} names are expected`)
  const lists = given.map(([name, value]) => [nameOf(name), listOf(name, value, count)] as const)
  return Array.from({ length: count }, (_, index) =>
    Object.fromEntries(lists.map(([name, list]) => [name, list[index] ?? ''])),
  )
}

function nameOf(field: string): string {
  const name = field.startsWith(PREFIX) ? field.slice(PREFIX.length) : ''
  if (name === TAKEN) throw refusal(field, 'the recipient stands there; take another name')
  if (NAME.test(name)) return name
  throw refusal(field.slice(0, 100), `there is no such field; ${PREFIX}<name> with letters, digits and _ is expected`)
}

function listOf(field: string, given: unknown, count: number): readonly string[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (list.length !== count) throw new Refusal('INVALID_INPUT', UNEVEN, { fields: { [field]: UNEVEN } })
  return list.map((value) => {
    const text = typeof value === 'number' && Number.isFinite(value) ? String(value) : value
    if (typeof text !== 'string') throw refusal(field, 'a text is expected, or a list of them')
    if (text.length > LONGEST_VALUE) throw refusal(field, `at most ${LONGEST_VALUE} characters are expected`)
    return text
  })
}

function refusal(field: string, fault: string): Refusal {
  return new Refusal('INVALID_INPUT', `${field}: ${fault}`, { fields: { [field]: fault } })
}
