import { z } from 'zod'
import { outgoingStates } from '../../messages/states.ts'
import type { DeadCallback } from '../../router/callback-request.ts'
import type { Callbacks } from '../../router/callbacks.ts'
import { callbackNames } from '../../store/callback-store.ts'
import { line, oneOrMore, wholeNumber } from './api-schemas.ts'
import { CALLBACK_ID, CHANGES, numberOf, ownerOf, READS, there } from './callback-words.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import { KEYED, type KeyedAnswers } from './keyed-answers.ts'
import { given, page } from './people-schemas.ts'
import { dateText } from './sms-shapes.ts'

const MOST_IDS = 1_000

const dateTime = z.string().describe('UTC, as YYYY-MM-DD HH:MM:SS')
const dead = z.strictObject({
  id: z.string().describe('Of the event: `webhook-id`'),
  name: z.enum(callbackNames),
  at: dateTime.describe('When it happened'),
  message_id: z.string(),
  state: z.enum(outgoingStates).nullable().describe('Of an outgoing message'),
  tries: z.int().describe('Requests that have failed'),
  status: z.int().nullable().describe('Of the last answer; null where there was none'),
  error: z.string().nullable().describe('What the last request came to'),
  dead_at: dateTime.describe('When it was given up'),
})

/** What could not be told: `/api/v1/account/callbacks/<id>/dead.json`, and its telling again. */
export function deadEndpoints(callbacks: Callbacks, keyed: KeyedAnswers): readonly Endpoint[] {
  return [list(callbacks), replay(callbacks, keyed)]
}

function list(callbacks: Callbacks): Endpoint {
  return endpoint({
    ...READS,
    id: 'deadCallbacks',
    method: 'GET',
    path: '/api/v1/account/callbacks/{id}/dead.json',
    summary: 'Events that one of your callbacks could not be told of and that were given up, the newest first',
    params: CALLBACK_ID,
    refuses: [],
    query: z.strictObject({ ...page, after: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional().describe(AFTER) }),
    answer: z.strictObject({ dead: z.array(dead), next: z.int().nullable().describe(NEXT) }),
    async handle({ user, params, query: { after: before, limit } }) {
      const { id: callback } = there(await callbacks.get(numberOf(params), ownerOf(user)))
      const found = await callbacks.dead({ callback, limit, ...given({ before }) })
      const next = found.length < limit ? null : (found.at(-1)?.seq ?? null)
      return { body: { dead: found.map(shown), next } }
    },
  })
}

const AFTER = 'The `next` of the page before'
const NEXT = 'What `after` is for the next page, which may be empty; null on the last'

function replay(callbacks: Callbacks, keyed: KeyedAnswers): Endpoint {
  return endpoint({
    ...{ ...CHANGES, ...KEYED },
    id: 'replayCallback',
    method: 'POST',
    path: '/api/v1/account/callbacks/{id}/replay.json',
    summary: 'Have what was given up told again, for another day: all of a callback, or some events',
    params: CALLBACK_ID,
    query: z.strictObject({}),
    body: z.strictObject({ ids: oneOrMore(line(100), MOST_IDS).optional().describe('Of events; all unless given') }),
    answer: z.strictObject({ replayed: z.int().describe('How many events it was') }),
    async handle(asked) {
      const { id: callback } = there(await callbacks.get(numberOf(asked.params), ownerOf(asked.user)))
      const make = async () => {
        const replayed = await callbacks.replay({ callback, ...given({ ids: asked.body.ids }) })
        return { kept: { replayed }, body: { replayed } }
      }
      return keyed.answer('replayCallback', asked, make, async (kept) => kept)
    },
  })
}

function shown({ id, name, at, messageId, state, tries, status, failure, deadAt }: DeadCallback) {
  return {
    ...{ id, name, at: dateText(at.getTime()), message_id: messageId, state },
    ...{ tries, status, error: failure, dead_at: dateText(deadAt.getTime()) },
  }
}
