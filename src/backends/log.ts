import { z } from 'zod'
import { defineBackend } from './define.ts'

/** Writes what is sent into the log, at the level info. */
export const logBackend = defineBackend({
  kind: 'log',
  settings: z.strictObject({}),
  removesDuplicates: true,
  async send(message, { logger }) {
    logger.info({ id: message.id, backend: message.backend }, `Sent SMS to ${message.identity}: ${message.text}`)
    return { externalIds: [message.id] }
  },
})
