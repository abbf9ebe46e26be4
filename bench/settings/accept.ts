import { defineApp, defineSettings } from 'sms-switchboard'
import { httpBackend } from 'sms-switchboard/backends'

/** Messages are taken and processed, and nobody answers. */
export default defineSettings({
  backends: { bench: httpBackend() },
  apps: [defineApp({ name: 'nothing', handle: () => {} })],
})
