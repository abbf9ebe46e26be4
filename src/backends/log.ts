import { z } from 'zod'
import { defineBackend, IN_PROCESS, NO_SMS } from './define.ts'

/**
 * Writes what is sent into the log, at the level info; texts and numbers as far as the settings `log.texts` and
 * `log.numbers` allow.
 */
export const logBackend = defineBackend({
  kind: 'log',
  settings: z.strictObject({}),
  removesDuplicates: true,
  concurrency: IN_PROCESS,
  text: NO_SMS,
  async send(message, { logger }) {
    const { id, backend, identity, text } = message
    logger.info({ id, backend, identity, text }, `Sent SMS to ${identity}: ${text}`)
    return { externalIds: [message.id] }
  },
})
