import { z } from 'zod'
import type { View } from '../router/backend.ts'
import { errorsAnswer, parseUrlencoded, UnreadableRequest, unreadableAnswer } from './body.ts'
import { defineBackend, IN_PROCESS, NO_SMS } from './define.ts'
import { incomingView, jsonAnswer, methodNotAllowed } from './view.ts'

const settings = z.strictObject({
  conversationLimit: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(500)
    .describe('Messages that messages.json shows at the most'),
})

const METHODS = ['GET']

/** The conversation so far, oldest first. */
const conversation: View<z.output<typeof settings>> = async (
  request,
  { conversation, settings: { conversationLimit } },
) => {
  if (request.method !== 'GET') return methodNotAllowed(METHODS)
  let identity: unknown
  try {
    identity = parseUrlencoded(Buffer.from(request.rawQuery, 'latin1'), 'utf-8')['identity']
  } catch (error) {
    if (error instanceof UnreadableRequest) return unreadableAnswer(request, error)
    throw error
  }
  if (typeof identity !== 'string' || identity.trim() === '') {
    return errorsAnswer(request, 400, { identity: ['is required'] })
  }
  const messages = await conversation(identity.trim(), conversationLimit)
  const shown = messages.map((message) => ({
    id: message.id,
    direction: message.direction,
    identity: message.identity,
    text: message.text,
    state: message.state,
    at: new Date(message.at).toISOString(),
  }))
  return jsonAnswer(shown)
}

/**
 * A backend to try things with, by curl or on the tester page: what is sent is kept and shown, and goes nowhere.
 */
export const httptester = defineBackend({
  kind: 'httptester',
  settings,
  views: {
    '': incomingView(),
    'messages.json': Object.assign(conversation, { methods: METHODS, showsMessages: true }),
  },
  reports: 'service',
  removesDuplicates: true,
  concurrency: IN_PROCESS,
  text: NO_SMS,
  async send() {
    return { state: 'DELIVERED' }
  },
})
