import { z } from 'zod'
import { balance, poll } from './africas-talking-ask.ts'
import { sendBatch } from './africas-talking-send.ts'
import { type AfricasTalkingSettings, africasTalkingSettings } from './africas-talking-settings.ts'
import { sessionView, ussdView } from './africas-talking-ussd.ts'
import { incomingWords, optionalWord } from './africas-talking-words.ts'
import { defineBackend } from './define.ts'
import { identityField, incomingForm } from './form.ts'
import { type StateTable, standingOf } from './provider-codes.ts'
import { incomingView, statusView } from './view.ts'

type Settings = AfricasTalkingSettings

/** Africa's Talking, "Delivery reports"; the last two are of newer pages. */
const states = {
  Sent: 'SENT',
  Submitted: 'SENT',
  Buffered: 'SENT',
  Success: 'DELIVERED',
  Rejected: 'ERROR',
  Failed: 'ERROR',
  AbsentSubscriber: 'ERROR',
  Expired: 'EXPIRED',
} satisfies StateTable

const incoming = incomingForm.extend(incomingWords)
const params = { identity: 'from', address: 'to', externalId: 'id' }

const report = z.looseObject({
  id: z.string().min(1),
  status: z.string().min(1),
  phoneNumber: optionalWord,
  networkCode: optionalWord,
  failureReason: optionalWord,
  retryCount: optionalWord,
})

const status = statusView<z.output<typeof report>, Settings>({
  methods: ['POST'],
  form: report,
  report({ id, status: word, phoneNumber, networkCode, failureReason, retryCount }) {
    const standing = standingOf(states, word)
    return {
      externalId: id,
      code: standing.state === undefined ? word : (failureReason ?? word),
      ...standing,
      ...(phoneNumber === undefined ? {} : { identity: phoneNumber }),
      ...(failureReason === undefined ? {} : { text: failureReason }),
      fields: {
        ...(networkCode === undefined ? {} : { networkCode }),
        ...(retryCount === undefined ? {} : { retryCount }),
      },
    }
  },
})

/** A person asked the service for no more bulk messages: comes in as if they had written so to us. */
const optOut = z
  .object({ phoneNumber: identityField, senderId: optionalWord })
  .transform(({ phoneNumber, senderId }) => ({
    identity: phoneNumber,
    text: '',
    address: senderId,
    notice: 'opt-out',
  }))

/** A person began or ended a premium subscription. */
const subscription = z
  .object({ phoneNumber: identityField, shortCode: optionalWord, keyword: optionalWord, updateType: identityField })
  .transform(({ phoneNumber, shortCode, keyword, updateType }) => ({
    identity: phoneNumber,
    text: [updateType, keyword].filter((word) => word !== undefined).join(' '),
    address: shortCode,
    notice: 'subscription',
    updateType,
    ...(keyword === undefined ? {} : { keyword }),
  }))

/** Africa's Talking: SMS, bulk and premium, and USSD. It publishes no signature: give it an unguessable path. */
export const africasTalking = defineBackend({
  kind: 'africasTalking',
  settings: africasTalkingSettings,
  reports: 'handset',
  views: {
    '': incomingView<z.output<typeof incoming>, Settings>({ methods: ['POST'], form: incoming, params }),
    status,
    ussd: ussdView,
    session: sessionView,
    optout: incomingView<z.output<typeof optOut>, Settings>({
      methods: ['POST'],
      form: optOut,
      adjust: (values, { settings }) => ({ ...values, text: settings.optOutText }),
    }),
    subscription: incomingView<z.output<typeof subscription>, Settings>({ methods: ['POST'], form: subscription }),
  },
  sendBatch,
  poll,
  methods: { balance },
})
