import { defineSettings } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { httpBackend } from 'sms-switchboard/backends'

const partsPerSecond = Number(process.env['BENCH_PARTS_PER_SECOND'] ?? 30)

/** A service that takes few messages a second, for which replies and a broadcast compete. */
export default defineSettings({
  backends: {
    bench: httpBackend({
      send: async (message) => ({ externalIds: [message.id] }),
      sending: { partsPerSecond },
    }),
  },
  apps: [echo()],
})
