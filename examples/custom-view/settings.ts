import { defineSettings } from 'sms-switchboard'
import { defaultReply, echo, ping } from 'sms-switchboard/apps'
import { httpBackend } from 'sms-switchboard/backends'

export default defineSettings({
  backends: {
    customhttp: httpBackend({ params: { identity: 'phone', text: 'message' } }),
  },
  apps: [ping(), echo(), defaultReply()],
})
