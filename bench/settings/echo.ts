import { defineSettings } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { httpBackend } from 'sms-switchboard/backends'

const concurrency = Number(process.env['BENCH_CONCURRENCY'] ?? 64)

/** Each message is answered; the answer goes to a service that takes everything at once. */
export default defineSettings({
  backends: {
    bench: httpBackend({
      send: async (message) => ({ externalIds: [message.id] }),
      sending: { concurrency },
    }),
  },
  apps: [echo()],
  queue: { backlog: 1_000_000 },
  redisPrefix: process.env['BENCH_REDIS_PREFIX'] ?? 'switchboard:',
})
