import { defineSettings } from 'sms-switchboard'
import { echo } from 'sms-switchboard/apps'
import { httpBackend } from 'sms-switchboard/backends'

/** A service that answers after some milliseconds, over which a broadcast goes out while people write in. */
export default defineSettings({
  backends: {
    bench: httpBackend({
      send: async (message) => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        return { externalIds: [message.id] }
      },
      sending: { concurrency: 50 },
    }),
  },
  apps: [echo()],
})
