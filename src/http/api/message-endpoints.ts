import { z } from 'zod'
import { outgoingStates } from '../../messages/states.ts'
import { messagePage } from '../../router/message-pages.ts'
import type { Router } from '../../router/router.ts'
import type { ListedMessage, ListingFilter } from '../../store/listing-store.ts'
import type { User } from '../users/settings.ts'
import { date, line, oneOrMore, optionalLine, wholeNumber } from './api-schemas.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import type { Listing } from './sent-pages.ts'

const PAGE = 100
const LONGEST_PAGE = 1_000
const states = [...outgoingStates, 'RECEIVED', 'PROCESSED', 'FAILED'] as const
const time = z.string().describe('ISO 8601, in UTC')

const message = z.strictObject({
  seq: z.int().describe('Its place in the order of all messages'),
  id: z.string(),
  direction: z.enum(['in', 'out']),
  backend: z.string(),
  identity: z.string().describe('The person’s number'),
  address: z.string().nullable().describe('Our number'),
  text: z.string(),
  state: z.enum(states),
  tag: z.string().nullable(),
  relatedTo: z.string().nullable(),
  template: z.string().nullable(),
  inResponseTo: z.string().nullable(),
  externalId: z.string().nullable(),
  parts: z.int().nullable(),
  error: z.string().nullable(),
  at: time,
  changedAt: time,
  sentAt: time.nullable(),
  deliveredAt: time.nullable(),
})

/** All messages, for reporting tools: `/api/v1/messages.json`. */
export function messageEndpoints({
  router,
  store,
}: {
  readonly router: Router
  readonly store: Listing
}): readonly Endpoint[] {
  const query = z.strictObject({
    after: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(0).describe('The `next` of the page before'),
    limit: wholeNumber(1, LONGEST_PAGE).default(PAGE),
    backend: oneOrMore(line(100), 100).optional(),
    identity: optionalLine(255).describe('A number, in any form that its backend understands'),
    direction: z.enum(['in', 'out'], 'in or out is expected').optional(),
    state: z.enum(states, `one of ${states.join(', ')} is expected`).optional(),
    tag: optionalLine(100),
    text: optionalLine(200).describe('Stands in the text; letters of ASCII in any case'),
    since: date().optional().describe('Received, or recorded to be sent, at this time or later'),
    until: date().optional().describe('Before this time'),
  })
  const list = endpoint({
    id: 'messages',
    method: 'GET',
    path: '/api/v1/messages.json',
    summary: 'Messages of both directions in the order in which they were recorded, each once, none left out',
    tag: 'messages',
    limit: 'read',
    roles: ['admin', 'operator', 'sender', 'reader'],
    params: {},
    refuses: [],
    query,
    answer: z.strictObject({
      messages: z.array(message),
      next: z.int().describe('What `after` is for the next page'),
      more: z.boolean().describe('Whether there is more to read now'),
    }),
    async handle({ query: { after, limit, ...rest }, user }) {
      const filter = filterOf(rest, user, router)
      if (filter === undefined) return { body: { messages: [], next: after, more: false } }
      const page = await messagePage(store.listing, { after, limit, filter })
      return { body: { ...page, messages: page.messages.map(shown) } }
    },
  })
  return [list]
}

type Asked = { readonly [Name in keyof Omit<ListingFilter, 'backends'>]?: ListingFilter[Name] | undefined } & {
  readonly backend?: readonly string[] | undefined
}

/** @returns undefined where the user may see none of what is asked for */
function filterOf({ backend, identity, ...rest }: Asked, user: User, router: Router): ListingFilter | undefined {
  const seen = backend?.filter((name) => user.backends?.includes(name) ?? true) ?? user.backends
  if (seen !== undefined && seen.length === 0) return undefined
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  return {
    ...given,
    ...(seen === undefined ? {} : { backends: seen }),
    ...(identity === undefined ? {} : { identity: canonical(identity, seen, router) }),
  }
}

/** As the first of the backends that reads it otherwise writes it: numbers have one form over all of them. */
function canonical(identity: string, seen: readonly string[] | undefined, router: Router): string {
  for (const backend of seen ?? router.backends.keys()) {
    const known = router.canonical({ backend, identity })
    if (known.identity !== identity) return known.identity
  }
  return identity
}

function shown(rest: ListedMessage): z.output<typeof message> {
  return {
    seq: rest.seq,
    id: rest.id,
    direction: rest.direction,
    backend: rest.backend,
    identity: rest.identity,
    address: rest.address,
    text: rest.text,
    state: rest.state,
    tag: rest.tag,
    relatedTo: rest.relatedTo,
    template: rest.template,
    inResponseTo: rest.inResponseTo,
    externalId: rest.externalId,
    parts: rest.parts,
    error: rest.error,
    at: iso(rest.at),
    changedAt: iso(rest.changedAt),
    sentAt: rest.sentAt === null ? null : iso(rest.sentAt),
    deliveredAt: rest.deliveredAt === null ? null : iso(rest.deliveredAt),
  }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
