import { z } from 'zod'
import { defineBackend, IN_PROCESS, NO_SMS } from './define.ts'

/** Takes everything and does nothing with it. */
export const nullBackend = defineBackend({
  kind: 'null',
  settings: z.strictObject({}),
  removesDuplicates: true,
  concurrency: IN_PROCESS,
  text: NO_SMS,
  async send(message) {
    return { externalIds: [message.id] }
  },
})
