import { z } from 'zod'
import type { ListedContact } from '../../store/directory-store.ts'
import { line, oneOrMore, optionalLine, wholeNumber } from './api-schemas.ts'

export const connection = z.strictObject({ backend: line(100), identity: line(255) })

export const contact = z.strictObject({
  id: z.string(),
  name: z.string(),
  language: z.string().nullable().describe('A BCP 47 tag'),
  timeZone: z.string().nullable().describe('An IANA name'),
  optedOut: z.boolean(),
  createdAt: z.string().describe('ISO 8601, in UTC'),
  connections: z.array(z.strictObject({ backend: z.string(), identity: z.string() })),
  groups: z.array(z.string()),
})

/** A value, or null or an empty text for none. */
const orNone = (longest: number) =>
  z.preprocess((given) => (given === '' ? null : given), line(longest).nullable().optional())

const person = {
  language: orNone(35),
  timeZone: orNone(64),
  optedOut: z
    .preprocess(
      (given) => (given === 'true' ? true : given === 'false' ? false : given),
      z.boolean('true or false is expected'),
    )
    .optional(),
}

export const newContact = z.strictObject({
  name: line(200),
  ...person,
  connections: z.array(connection, 'a list is expected').max(20).optional(),
  groups: oneOrMore(line(100), 100).optional(),
})

export const changedContact = z.strictObject({ name: line(200).optional(), ...person })

export const group = z.strictObject({ name: z.string(), members: z.int() })

export const page = {
  after: optionalLine(200).describe('The `next` of the page before'),
  limit: wholeNumber(1, 1_000).default(100),
}

export const next = z.string().nullable().describe('What `after` is for the next page; null on the last')

export const changed = z.strictObject({ changed: z.int().describe('How many people it was') })

export function shownContact(given: ListedContact): z.output<typeof contact> {
  const { id, name, language, timeZone, optedOutAt, createdAt, connections, groups } = given
  return {
    ...{ id, name, language, timeZone },
    optedOut: optedOutAt !== null,
    createdAt: new Date(createdAt).toISOString(),
    connections: connections.map(({ backend, identity }) => ({ backend, identity })),
    groups: [...groups],
  }
}

/** Without what is `undefined`, which is not the same as left out. */
export function given<Values extends object>(
  values: Values,
): { [Name in keyof Values]?: Exclude<Values[Name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Values]?: Exclude<Values[Name], undefined>
  }
}
