import { defineApp, defineSettings } from 'sms-switchboard'
import { httpBackend, incomingForm } from 'sms-switchboard/backends'
import { z } from 'zod'

/** Asks for one value more, which travels with the message. */
const extraParamsForm = incomingForm.extend({ extra: z.string().max(100) })

const showExtra = defineApp({
  name: 'show-extra',
  handle(message) {
    return message.respond(`${message.text} (extra: ${message.fields['extra']})`)
  },
})

export default defineSettings({
  backends: {
    extra: httpBackend({ form: extraParamsForm }),
  },
  apps: [showExtra],
})
