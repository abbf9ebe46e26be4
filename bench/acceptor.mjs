import { createServer } from 'node:http'
import { createSwitchboard } from 'sms-switchboard'
import { httpBackend } from 'sms-switchboard/backends'

/** The server as it takes messages in, with nobody who works them: what a process of the role web does. */
const switchboard = createSwitchboard(
  { backends: { bench: httpBackend() }, apps: [], queue: { backlog: 100_000_000 } },
  {
    env: process.env,
    queue: () => ({
      ring: async () => {},
      work: () => {},
      stop: async () => 0,
      size: () => 0,
      ping: async () => {},
      onForgotten: () => {},
    }),
  },
)
await switchboard.start()
createServer(switchboard.callback()).listen(switchboard.settings.http.port, '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
