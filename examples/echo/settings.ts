import { defineSettings } from 'sms-switchboard'
import { defaultReply } from 'sms-switchboard/apps'
import { httptester } from 'sms-switchboard/backends'
import { echo } from './echo.ts'

export default defineSettings({
  backends: { httptester: httptester() },
  apps: [echo, defaultReply({ text: 'Send ECHO and some words.' })],
})
