import { z } from 'zod'
import { defineBackend, IN_PROCESS, NO_SMS } from './define.ts'

/** For development: nothing leaves, and every message stands in the state DEBUG. */
export const dummy = defineBackend({
  kind: 'dummy',
  settings: z.strictObject({}),
  removesDuplicates: true,
  concurrency: IN_PROCESS,
  text: NO_SMS,
  async send() {
    return { state: 'DEBUG' }
  },
})
