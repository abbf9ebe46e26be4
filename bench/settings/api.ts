import { defineSettings } from 'sms-switchboard'
import { httpBackend } from 'sms-switchboard/backends'

/** A program sends by the API, and a function takes everything at once. */
export default defineSettings({
  backends: { bench: httpBackend({ send: async (message) => ({ externalIds: [message.id] }) }) },
  apps: [],
  http: {
    users: { bench: { role: 'sender', keys: [process.env['BENCH_KEY_HASH'] ?? ''] } },
    api: { limits: { send: { amount: 0 } } },
  },
})
