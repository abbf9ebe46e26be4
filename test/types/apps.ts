import { type App, type AppContext, defineApp, type IncomingMessage, type OutgoingMessage } from 'sms-switchboard'
import { keyword, pattern } from 'sms-switchboard/apps'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => {}

// Phases know what they are given, and methods of the app's own stay its own.
export const counter = defineApp({
  name: 'counter',
  count: 0,
  handle(message, context) {
    same<typeof message, IncomingMessage>(true)
    same<typeof context, AppContext>(true)
    return message.respond({ en: 'Hello', sw: 'Habari' }, { end: true })
  },
  async parse(message) {
    message.text = message.text.trim()
  },
  outgoing(message) {
    same<typeof message, OutgoingMessage>(true)
    return message.text !== ''
  },
  seen(): number {
    return this.count
  },
})
same<ReturnType<typeof counter.seen>, number>(true)
export const asApp: App = counter

// @ts-expect-error an app has a name
defineApp({ handle: () => true })

// @ts-expect-error a phase answers true, false or nothing
defineApp({ name: 'a', handle: () => 'yes' })

defineApp({
  name: 'a',
  handle(message) {
    // @ts-expect-error where a message came from does not change
    message.identity = '1'
  },
})

defineApp({
  name: 'a',
  handle(message) {
    // @ts-expect-error a response goes to a backend and an identity
    message.respond('x', { to: '254712345678' })
  },
})

keyword('register|reg', (message, { rest, contact }) => {
  same<typeof rest, string>(true)
  return message.respond(contact?.name ?? rest)
})

pattern(/^(\d+) plus (\d+)$/, (message, { groups: [a, b], named }) => {
  same<typeof a, string | undefined>(true)
  return message.respond(`${Number(a) + Number(b)} ${named['sum'] ?? ''}`)
})

// @ts-expect-error a pattern is a regular expression
pattern('^x$', () => true)
