import { defineSettings } from 'sms-switchboard'
import { defaultReply, echo, keyword, ping } from 'sms-switchboard/apps'
import { httptester } from 'sms-switchboard/backends'

const hours = keyword('hours|open', (message) => message.respond('We are open from 8 to 17 o’clock, Monday to Friday.'))

export default defineSettings({
  backends: {
    httptester: httptester(),
  },
  apps: [ping(), echo(), hours, defaultReply()],
})
