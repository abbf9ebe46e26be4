import { z } from 'zod'
import { InvalidInputError } from '../../messages/errors.ts'
import { refusalError } from '../../router/contacts.ts'
import type { Groups } from '../../router/groups.ts'
import type { ListedGroup } from '../../store/directory-store.ts'
import { Refusal } from './api-answer.ts'
import { line, nothing, oneOrMore, yesOrNo } from './api-schemas.ts'
import { type Endpoint, type EndpointWords, endpoint } from './endpoint.ts'
import { KEYED, type KeyedAnswers } from './keyed-answers.ts'
import { changed, given, group, next, page } from './people-schemas.ts'

const GROUP = { group: 'The name of a group' }
const READS = { tag: 'people', limit: 'read', allBackends: true, roles: ['admin', 'operator', 'reader'] } as const
const CHANGES = { tag: 'people', limit: 'change', allBackends: true, roles: ['admin', 'operator'] } as const
const MOST_MEMBERS = 1_000
const ids = oneOrMore(line(100), MOST_MEMBERS).describe('Ids of contacts')

/** Groups of people: `/api/v1/groups.json` and below. A group is there while somebody is in it. */
export function groupEndpoints(groups: Groups, keyed: KeyedAnswers): readonly Endpoint[] {
  return [list(groups), create(groups, keyed), rename(groups), remove(groups), ...members(groups, keyed)]
}

function list(groups: Groups): Endpoint {
  return endpoint({
    ...READS,
    id: 'groups',
    method: 'GET',
    path: '/api/v1/groups.json',
    summary: 'Groups by name, and how many people are in each',
    params: {},
    refuses: [],
    query: z.strictObject(page),
    answer: z.strictObject({ groups: z.array(group), next }),
    async handle({ query: { after, limit } }) {
      const found = await groups.list({ limit, ...given({ after }) })
      const shown = found.items.map(({ name, members }) => ({ name, members }))
      return { body: { groups: shown, next: found.next ?? null } }
    },
  })
}

function create(groups: Groups, keyed: KeyedAnswers): Endpoint {
  return endpoint({
    ...{ ...CHANGES, ...KEYED },
    id: 'createGroup',
    method: 'POST',
    path: '/api/v1/groups.json',
    summary: 'Make a group of people; one that is there already is left alone (409)',
    params: {},
    names: { group: 'name' },
    query: nothing,
    body: z.strictObject({ name: line(100), ids }),
    answer: group,
    status: 201,
    async handle(asked) {
      const make = async () => {
        const made = await groups.create(asked.body.name, asked.body.ids)
        if (made === undefined) throw new Refusal('CONFLICT', 'There is a group of this name already.')
        return { kept: made, body: shownGroup(made) }
      }
      return keyed.answer('createGroup', asked, make, async (made) => shownGroup(made))
    },
  })
}

function shownGroup({ name, members }: ListedGroup): z.output<typeof group> {
  return { name, members }
}

function rename(groups: Groups): Endpoint {
  return endpoint({
    ...CHANGES,
    id: 'renameGroup',
    method: 'PATCH',
    path: '/api/v1/groups/{group}.json',
    summary: 'Give a group another name',
    params: GROUP,
    refuses: [],
    query: nothing,
    body: z.strictObject({
      name: line(100),
      merge: yesOrNo().optional().describe('Joins a group that has the name already'),
    }),
    answer: changed,
    async handle({ params: { group = '' }, body: { name, merge } }) {
      return { body: { changed: await there(groups.rename(group, name, given({ merge }))) } }
    },
    names: { to: 'name' },
  })
}

function remove(groups: Groups): Endpoint {
  return endpoint({
    ...CHANGES,
    id: 'deleteGroup',
    method: 'DELETE',
    path: '/api/v1/groups/{group}.json',
    summary: 'Take everybody out of a group, which ends it; the people stay',
    params: GROUP,
    refuses: [],
    query: nothing,
    answer: changed,
    handle: async ({ params: { group = '' } }) => ({ body: { changed: await there(groups.delete(group)) } }),
  })
}

function members(groups: Groups, keyed: KeyedAnswers): readonly Endpoint[] {
  const words = {
    ...CHANGES,
    path: '/api/v1/groups/{group}/members.json',
    params: GROUP,
    answer: changed,
  } satisfies Partial<Endpoint> & Partial<EndpointWords>
  return [
    endpoint({
      ...{ ...words, ...KEYED },
      id: 'joinGroup',
      method: 'POST',
      summary: 'Put people into a group; the first one makes it',
      query: nothing,
      body: z.strictObject({ ids }),
      async handle(asked) {
        const make = async () => {
          const count = await groups.add(asked.params['group'] ?? '', asked.body.ids)
          return { kept: count, body: { changed: count } }
        }
        return keyed.answer('joinGroup', asked, make, async (count) => ({ changed: count }))
      },
    }),
    endpoint({
      ...words,
      refuses: [],
      id: 'leaveGroup',
      method: 'DELETE',
      summary: 'Take people out of a group',
      query: z.strictObject({ id: oneOrMore(line(100), MOST_MEMBERS) }),
      handle: async ({ params: { group = '' }, query }) => ({
        body: { changed: await there(groups.remove(group, query.id)) },
      }),
    }),
  ]
}

/** A group with nobody in it is none. */
async function there(changing: Promise<number>): Promise<number> {
  try {
    const count = await changing
    if (count > 0) return count
  } catch (error) {
    const isGone = error instanceof InvalidInputError && error.message === refusalError({ why: 'no-group' }).message
    if (!isGone) throw error
  }
  throw new Refusal('NOT_FOUND', 'There is nobody in such a group.')
}
