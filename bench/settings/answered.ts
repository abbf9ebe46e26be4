import { defineSettings } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { httpBackend } from 'sms-switchboard/backends'

/** Each request waits for the response, and is answered with its text. */
export default defineSettings({
  backends: {
    bench: httpBackend({
      wait: 10_000,
      reply: ({ responses }) => ({
        status: responses?.length === 1 ? 200 : 202,
        headers: { 'content-type': 'text/plain; charset=utf-8' },
        body: responses?.[0]?.text ?? '',
      }),
      send: async (message) => ({ externalIds: [message.id] }),
    }),
  },
  apps: [echo()],
  redisPrefix: process.env['BENCH_REDIS_PREFIX'] ?? 'switchboard:',
})
