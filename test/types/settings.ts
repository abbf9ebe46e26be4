import { type App, createSwitchboard, defineSettings } from 'sms-switchboard'
import { echo, keyword } from 'sms-switchboard/apps'
import { httptester, nullBackend } from 'sms-switchboard/backends'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => {}

class Greeter implements App {
  readonly name = 'greeter'
}

export const settings = defineSettings({
  http: { port: 0 },
  backends: { tester: httptester(), sink: nullBackend({ sending: { attempts: 2 } }) },
  apps: [echo(), Greeter, keyword('hours', (message) => message.respond('From 8 to 17.')), { name: 'plain' }],
})

// The names of the backends are known to whoever has the settings.
same<keyof typeof settings.backends, 'tester' | 'sink'>(true)
createSwitchboard(settings)

// @ts-expect-error there is no such setting
defineSettings({ backends: {}, apps: [], htpp: {} })

// @ts-expect-error a port is a number
defineSettings({ backends: {}, apps: [], http: { port: '80' } })

// @ts-expect-error a factory has to be called
defineSettings({ backends: { tester: httptester }, apps: [] })

// @ts-expect-error an app has a name
defineSettings({ backends: {}, apps: [{ handle: () => true }] })

class Named implements App {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

// @ts-expect-error a class of an app is made without arguments
defineSettings({ backends: {}, apps: [Named] })

// @ts-expect-error a function that makes an app has to be called
defineSettings({ backends: {}, apps: [echo] })

// @ts-expect-error both lists are needed
defineSettings({ backends: {} })

// A routing function returns the name of a backend of the same settings.
defineSettings({
  backends: { tester: httptester(), sink: nullBackend() },
  apps: [],
  routing: (message, module, type) => {
    same<typeof module, string | undefined>(true)
    same<typeof type, string | undefined>(true)
    if (message.class === 'urgent') return { backend: 'tester', failover: ['sink'], from: '2020' }
    return message.country === 'KE' ? 'sink' : undefined
  },
})

defineSettings({
  backends: { tester: httptester(), sink: nullBackend() },
  apps: [],
  routing: {
    choose: (_, module) => (module === 'alerts' ? 'tester' : undefined),
    rules: [
      { when: { prefix: ['2547'] }, share: { tester: 70, sink: 30 } },
      { to: 'sink', failover: ['tester'], from: { tester: '2020' } },
    ],
    default: 'sink',
  },
})

// @ts-expect-error there is no such backend
defineSettings({ backends: { tester: httptester() }, apps: [], routing: () => 'testre' })

defineSettings({
  backends: { tester: httptester() },
  apps: [],
  // @ts-expect-error there is no such backend to fall back on
  routing: () => ({ backend: 'tester', failover: ['sink'] }),
})

// @ts-expect-error there is no such backend in the table
defineSettings({ backends: { tester: httptester() }, apps: [], routing: { rules: [{ to: 'sink' }] } })

// @ts-expect-error there is no such backend among those that share
defineSettings({ backends: { tester: httptester() }, apps: [], routing: { rules: [{ share: { sink: 1 } }] } })

// @ts-expect-error a number is no backend
defineSettings({ backends: { tester: httptester() }, apps: [], routing: () => 7 })

// @ts-expect-error it has to choose at once
defineSettings({ backends: { tester: httptester() }, apps: [], routing: async () => 'tester' })
