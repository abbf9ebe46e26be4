import { defineBackend } from 'sms-switchboard'
import { httpBackend, httptester, incomingForm, incomingView } from 'sms-switchboard/backends'
import { z } from 'zod'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => {}

interface Values {
  url: string
  user: string
  parts?: number | undefined
}

// What the schema yields reaches the views, `send` and `start`.
export const kannel = defineBackend({
  kind: 'kannel',
  settings: z.strictObject({ url: z.url(), user: z.string().default('sms'), parts: z.int().optional() }),
  views: {
    '': incomingView(),
    own: async (_request, { settings, receive }) => {
      same<typeof settings, Values>(true)
      const { id } = await receive({ identity: '1', text: 'x' })
      // @ts-expect-error the schema has no such setting
      return { status: 200, body: `${id} ${settings.password}` }
    },
  },
  async start({ settings }) {
    same<typeof settings, Values>(true)
  },
  async send(message, { settings, http, signal }) {
    same<typeof settings, Values>(true)
    const { status } = await http.request({ url: `${settings.url}?to=${message.identity}` })
    return signal.aborted ? undefined : { externalIds: [String(status)] }
  },
})

// Its factory takes what the schema takes, and what every backend takes.
kannel({ url: 'http://127.0.0.1/' })
kannel({ url: 'http://127.0.0.1/', user: 'ann', path: '/k/', sending: { unknownOutcome: { bulk: 'retry' } } })
kannel({ url: 'http://127.0.0.1/', secret: { in: 'basic', user: 'ann', password: 'longenough' } })

// @ts-expect-error the url is needed
kannel({ user: 'ann' })

// @ts-expect-error there is no such setting
kannel({ url: 'http://127.0.0.1/', pasword: 'x' })

// @ts-expect-error a user is a text
kannel({ url: 'http://127.0.0.1/', user: 3 })

// @ts-expect-error there is no such form of secret
httptester({ secret: { in: 'cookie', value: 'longenough' } })

defineBackend({
  kind: 'odd',
  settings: z.strictObject({}),
  // @ts-expect-error there is no such state
  send: async () => ({ state: 'SENDING WELL' }),
})

// The generic backend takes any form that yields an identity and a text.
httpBackend({ form: incomingForm })
httpBackend({ form: incomingForm.extend({ keyword: z.string() }), params: { identity: 'phone', text: 'message' } })
httpBackend({ form: z.object({ identity: z.string(), text: z.string(), operator: z.enum(['a', 'b']) }) })
httpBackend({
  form: z.object({ phone: z.string(), text: z.string() }).transform(({ phone, text }) => ({ identity: phone, text })),
})
httpBackend({ send: async (message) => ({ externalIds: [message.id] }) })
httpBackend({ send: { url: 'http://127.0.0.1/', success: { body: /^OK/ } } })

// @ts-expect-error a form has to yield a text
httpBackend({ form: z.object({ identity: z.string() }) })

// @ts-expect-error there is no such option
httpBackend({ parms: { identity: 'phone' } })

// @ts-expect-error a request needs a URL
httpBackend({ send: { method: 'GET' } })
