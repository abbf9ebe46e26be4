import { defineSettings } from 'sms-switchboard'
import { echo, ping } from 'sms-switchboard/apps'
import { httpBackend, identityField, incomingForm } from 'sms-switchboard/backends'

const MY_NUMBER = '1231231234'

/** Takes messages from one number only. */
const onlyTextMeForm = incomingForm.extend({
  identity: identityField.refine((number) => number === MY_NUMBER, `SMS received from number other than ${MY_NUMBER}`),
})

export default defineSettings({
  backends: {
    onlytextme: httpBackend({ form: onlyTextMeForm }),
  },
  apps: [ping(), echo()],
})
