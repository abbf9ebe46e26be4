import { defineSettings } from 'sms-switchboard'
import { defaultReply, echo, ping } from 'sms-switchboard/apps'
import { httpBackend } from 'sms-switchboard/backends'

/** Every process, web or worker, is started with this same file; what differs comes from the environment. */
export default defineSettings({
  backends: {
    gateway: httpBackend({
      secret: { in: 'path', value: process.env['GATEWAY_SECRET'] ?? '' },
      send: { url: process.env['GATEWAY_URL'] ?? '' },
      sending: { concurrency: 32 },
    }),
  },
  apps: [ping(), echo(), defaultReply()],
  // The network of compose.yaml, in which nginx is the only one that the outside reaches.
  http: { trustedProxies: ['172.30.0.0/24'] },
  databasePool: 10,
  retention: { days: 400 },
})
