import { z } from 'zod'
import { defineBackend } from './define.ts'

/** Takes everything and does nothing with it. */
export const nullBackend = defineBackend({
  kind: 'null',
  settings: z.strictObject({}),
  removesDuplicates: true,
  async send(message) {
    return { externalIds: [message.id] }
  },
})
