import { z } from 'zod'
import type { Callback, CallbackStanding, CallbackWithSecret } from '../../router/callback-request.ts'
import type { Callbacks } from '../../router/callbacks.ts'
import { callbackFormats, callbackNames } from '../../store/callback-store.ts'
import { line, nothing, yesOrNo } from './api-schemas.ts'
import { CALLBACK_ID, CHANGES, missing, numberOf, ownerOf, READS, there } from './callback-words.ts'
import { deadEndpoints } from './dead-endpoints.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import { KEYED, type KeyedAnswers } from './keyed-answers.ts'
import { given } from './people-schemas.ts'
import { dateText } from './sms-shapes.ts'

const LIST = '/api/v1/account/callbacks.json'
const ONE = '/api/v1/account/callbacks/{id}.json'
const NAMES = { backends: 'backend' }

const name = z
  .enum(callbackNames, `one of ${callbackNames.join(', ')} is expected`)
  .describe(
    'What is told: a message that was received, what a service says of one, that one was sent, that one was not',
  )
const url = line(2_000).describe('Of http or https; a user and a password in it are sent as basic authentication')
const format = z.enum(callbackFormats, 'json or form is expected').describe('How it is told; `form` as Vumi did')
const backend = z
  .preprocess(
    (value) => (value === '' ? null : Array.isArray(value) || value === null || value === undefined ? value : [value]),
    z.array(line(100), 'one or more are expected').min(1, 'at least one is expected').max(100).nullable().optional(),
  )
  .describe('Only of messages of these backends; nothing for all that you may see')

const dateTime = z.string().describe('UTC, as YYYY-MM-DD HH:MM:SS')
const SECRET = 'What its requests are signed with; shown this once'
const callback = {
  id: z.int(),
  name: z.enum(callbackNames),
  url: z.string().describe('Without its password'),
  format: z.enum(callbackFormats),
  backends: z.array(z.string()).nullable(),
  created_at: dateTime,
  updated_at: dateTime,
  disabled_at: dateTime
    .nullable()
    .describe('Since when it is told nothing more: it answered 410, or its user had left; a change ends that'),
}
const standing = z.strictObject({
  ...callback,
  waiting: z.int().describe('Events that are still to be told'),
  dead: z.int().describe('Events that were given up'),
})

/** Who is told of what happens: `/api/v1/account/callbacks.json`. Each user has callbacks of their own. */
export function callbackEndpoints(callbacks: Callbacks, keyed: KeyedAnswers): readonly Endpoint[] {
  const own = [list(callbacks), create(callbacks, keyed), find(callbacks), change(callbacks), remove(callbacks)]
  return [...own, ...deadEndpoints(callbacks, keyed)]
}

function list(callbacks: Callbacks): Endpoint {
  return endpoint({
    ...READS,
    id: 'callbacks',
    method: 'GET',
    path: LIST,
    summary: 'Your callbacks, in the order they were made',
    params: {},
    refuses: [],
    query: nothing,
    answer: z.array(standing),
    handle: async ({ user }) => ({ body: (await callbacks.list(ownerOf(user))).map(shownStanding) }),
  })
}

function create(callbacks: Callbacks, keyed: KeyedAnswers): Endpoint {
  return endpoint({
    ...{ ...CHANGES, ...KEYED },
    id: 'createCallback',
    method: 'POST',
    path: LIST,
    summary: 'Have a URL told of what happens from now on',
    params: {},
    names: NAMES,
    query: nothing,
    body: z.strictObject({ name, url, format: format.default('json'), backend }),
    answer: z.strictObject({ ...callback, secret: z.string().describe(SECRET) }),
    async handle(asked) {
      const owner = ownerOf(asked.user)
      const { backend: backends = null, ...input } = asked.body
      const withSecret = ({ secret, ...made }: CallbackWithSecret) => ({ ...shown(made), secret })
      const make = async () => {
        const made = await callbacks.create({ ...input, backends }, owner)
        return { kept: made.id, body: withSecret(made) }
      }
      // The secret stays in one place: what stands for the key is the number alone.
      return keyed.answer('createCallback', asked, make, async (id) =>
        withSecret(there(await callbacks.made(id, owner))),
      )
    },
  })
}

function find(callbacks: Callbacks): Endpoint {
  return endpoint({
    ...READS,
    id: 'callback',
    method: 'GET',
    path: ONE,
    summary: 'One of your callbacks',
    params: CALLBACK_ID,
    refuses: [],
    query: nothing,
    answer: z.strictObject(callback),
    handle: async ({ user, params }) => ({ body: shown(there(await callbacks.get(numberOf(params), ownerOf(user)))) }),
  })
}

function change(callbacks: Callbacks): Endpoint {
  return endpoint({
    ...CHANGES,
    id: 'changeCallback',
    method: 'PUT',
    path: ONE,
    summary: 'Change a callback; what is left out stays, and one that was disabled is told again',
    params: CALLBACK_ID,
    refuses: [],
    names: NAMES,
    query: nothing,
    body: z.strictObject({
      name: name.optional(),
      url: url.optional(),
      format: format.optional(),
      backend,
      new_secret: yesOrNo().optional().describe('Sign with a new secret from now on'),
    }),
    answer: z.strictObject({ ...callback, secret: z.string().optional().describe(SECRET) }),
    async handle({ user, params, body: { backend: backends, new_secret: newSecret, ...values } }) {
      const asked = given({ ...values, backends, newSecret })
      const { secret, ...changed } = there(await callbacks.change(numberOf(params), asked, ownerOf(user)))
      return { body: { ...shown(changed), ...given({ secret }) } }
    },
  })
}

function remove(callbacks: Callbacks): Endpoint {
  return endpoint({
    ...CHANGES,
    id: 'deleteCallback',
    method: 'DELETE',
    path: ONE,
    summary: 'Remove a callback, and what it is still to be told',
    params: CALLBACK_ID,
    refuses: [],
    query: nothing,
    async handle({ user, params }) {
      if (!(await callbacks.delete(numberOf(params), ownerOf(user)))) throw missing()
      return {}
    },
  })
}

function shown({ id, name, url, format, backends, createdAt, updatedAt, disabledAt }: Callback) {
  return {
    ...{ id, name, url, format, backends: backends === null ? null : [...backends] },
    ...{ created_at: dateText(createdAt.getTime()), updated_at: dateText(updatedAt.getTime()) },
    disabled_at: disabledAt === null ? null : dateText(disabledAt.getTime()),
  }
}

function shownStanding({ waiting, dead, ...callback }: CallbackStanding) {
  return { ...shown(callback), waiting, dead }
}
