import { z } from 'zod'
import type { Contacts } from '../../router/contacts.ts'
import type { ListedContact } from '../../store/directory-store.ts'
import { Refusal } from './api-answer.ts'
import { line, nothing, optionalLine, yesOrNo } from './api-schemas.ts'
import { type Endpoint, type EndpointWords, endpoint } from './endpoint.ts'
import { KEYED, type KeyedAnswers } from './keyed-answers.ts'
import { changedContact, connection, contact, given, newContact, next, page, shownContact } from './people-schemas.ts'

const ID = { id: 'The id of a contact' }
const READS = { tag: 'people', limit: 'read', allBackends: true, roles: ['admin', 'operator', 'reader'] } as const
const CHANGES = { tag: 'people', limit: 'change', allBackends: true, roles: ['admin', 'operator'] } as const

const forgetOptOut = yesOrNo().optional().describe('Whether an opt-out may be lost by it')

/** People: `/api/v1/contacts.json` and below. */
export function contactEndpoints(contacts: Contacts, keyed: KeyedAnswers): readonly Endpoint[] {
  const own = [list(contacts), create(contacts, keyed), find(contacts), change(contacts), remove(contacts)]
  return [...own, ...links(contacts, keyed)]
}

function list(contacts: Contacts): Endpoint {
  return endpoint({
    ...READS,
    id: 'contacts',
    method: 'GET',
    path: '/api/v1/contacts.json',
    summary: 'People, in the order in which they were made',
    params: {},
    refuses: [],
    query: z.strictObject({
      ...page,
      group: optionalLine(100),
      language: optionalLine(35),
      optedOut: yesOrNo().optional(),
      text: optionalLine(200).describe('Stands in the name, or in a number'),
    }),
    answer: z.strictObject({ contacts: z.array(contact), next }),
    async handle({ query: { after, limit, ...filter } }) {
      const found = await contacts.list(given(filter), { limit, ...given({ after }) })
      return { body: { contacts: found.items.map(shownContact), next: found.next ?? null } }
    },
  })
}

function create(contacts: Contacts, keyed: KeyedAnswers): Endpoint {
  return endpoint({
    ...{ ...CHANGES, ...KEYED },
    id: 'createContact',
    method: 'POST',
    path: '/api/v1/contacts.json',
    summary: 'Make a contact',
    params: {},
    query: nothing,
    body: newContact,
    answer: contact,
    status: 201,
    async handle(asked) {
      const { name, ...rest } = asked.body
      const make = async () => {
        const made = await contacts.create({ name, ...given(rest) })
        return { kept: made.id, body: shownContact(made) }
      }
      return keyed.answer('createContact', asked, make, async (id) => shownContact(await needed(contacts, { id })))
    },
  })
}

function find(contacts: Contacts): Endpoint {
  return endpoint({
    ...READS,
    id: 'contact',
    method: 'GET',
    path: '/api/v1/contacts/{id}.json',
    summary: 'One contact',
    params: ID,
    refuses: [],
    query: nothing,
    answer: contact,
    handle: async ({ params }) => ({ body: shownContact(await needed(contacts, params)) }),
  })
}

function change(contacts: Contacts): Endpoint {
  return endpoint({
    ...CHANGES,
    id: 'changeContact',
    method: 'PATCH',
    path: '/api/v1/contacts/{id}.json',
    summary: 'Change what is given of a contact, and nothing else',
    params: ID,
    refuses: [],
    query: nothing,
    body: changedContact,
    answer: contact,
    async handle({ params, body }) {
      const { id } = await needed(contacts, params)
      return { body: shownContact(await contacts.change(id, given(body))) }
    },
  })
}

function remove(contacts: Contacts): Endpoint {
  return endpoint({
    ...CHANGES,
    id: 'deleteContact',
    method: 'DELETE',
    path: '/api/v1/contacts/{id}.json',
    summary: 'Forget a contact; the messages stay',
    params: ID,
    refuses: [],
    query: z.strictObject({ forgetOptOut }),
    async handle({ params, query }) {
      const { id } = await needed(contacts, params)
      await contacts.delete(id, given(query))
      return {}
    },
  })
}

function links(contacts: Contacts, keyed: KeyedAnswers): readonly Endpoint[] {
  const words = {
    ...CHANGES,
    path: '/api/v1/contacts/{id}/connections.json',
    params: ID,
  } satisfies Partial<EndpointWords>
  const link = endpoint({
    ...{ ...words, ...KEYED },
    id: 'linkConnection',
    method: 'POST',
    summary: 'Give a contact a connection',
    query: nothing,
    body: connection.extend({ move: yesOrNo().optional().describe('Takes it from whose it is'), forgetOptOut }),
    answer: contact,
    async handle(asked) {
      const { move, forgetOptOut, ...to } = asked.body
      const { id } = await needed(contacts, asked.params)
      const make = async () => {
        return { kept: null, body: shownContact(await contacts.link(id, to, given({ move, forgetOptOut }))) }
      }
      return keyed.answer('linkConnection', asked, make, async () => shownContact(await needed(contacts, { id })))
    },
  })
  const unlink = endpoint({
    ...words,
    refuses: [],
    id: 'unlinkConnection',
    method: 'DELETE',
    summary: 'Take a connection from a contact',
    query: z.strictObject({ backend: line(100), identity: line(255), forgetOptOut }),
    answer: contact,
    async handle({ params, query: { forgetOptOut, ...from } }) {
      const { id } = await needed(contacts, params)
      return { body: shownContact(await contacts.unlink(id, from, given({ forgetOptOut }))) }
    },
  })
  return [link, unlink]
}

async function needed(contacts: Contacts, { id = '' }: Readonly<Record<string, string>>): Promise<ListedContact> {
  const found = await contacts.find(id)
  if (found === null) throw new Refusal('NOT_FOUND', 'There is no such contact.')
  return found
}
