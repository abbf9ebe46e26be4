import { z } from 'zod'
import { InvalidInputError } from '../messages/errors.ts'
import { peerUrl } from './forward-peer.ts'

/** What may be forwarded, as rules and `choose` see it. */
export type ForwardSubject =
  | {
      readonly kind: 'incoming'
      readonly id: string
      readonly backend: string
      readonly identity: string
      readonly address: string | null
      readonly text: string
    }
  | {
      readonly kind: 'status'
      /** Our id of the message, by which the client knows it. */
      readonly id: string
      readonly backend: string
      readonly state: string | undefined
      readonly code: string | undefined
    }

/** The names of the clients that get it. What it throws has the message tried again. */
export type ChooseClients = (subject: ForwardSubject) => readonly string[]

/** What a client asks to have sent, as the choice of a backend sees it. */
export interface ForwardedRequest {
  readonly identity: string
  readonly text: string
  readonly address: string | undefined
  readonly routingValues: readonly unknown[]
}

/** The backend a client's message leaves by; undefined for the first that can send. */
export type ChooseBackend = (request: ForwardedRequest) => string | undefined

const rule = z.strictObject({
  kind: z.enum(['incoming', 'status']).optional().describe('Only incoming messages, or only statuses'),
  backends: z.array(z.string()).readonly().optional().describe('Where it came in'),
  addresses: z.array(z.string()).readonly().optional().describe('Our addresses; of incoming messages'),
  text: z.instanceof(RegExp).optional().describe('What an incoming message says'),
})

const client = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.:[\]-]{1,100}$/, 'a name of letters, digits or - . _ : is expected')
    .optional()
    .describe('By default the host of the URL'),
  url: peerUrl.describe('The forward client; user and password for basic authentication may stand in it'),
  only: z
    .array(rule)
    .readonly()
    .optional()
    .describe('What it gets: what one of these rules fits; everything by default'),
})

const isFunction = (value: unknown) => typeof value === 'function'

export const serverSettings = z.strictObject({
  clients: z
    .array(z.union([peerUrl, client]))
    .readonly()
    .default([])
    .superRefine((clients, context) => {
      const names = clients.map(nameOf)
      for (const name of new Set(names.filter((each, index) => names.indexOf(each) !== index))) {
        const message = `two clients are called "${name}": give each a name of its own`
        context.addIssue({ code: 'custom', message })
      }
    })
    .describe('The forward clients, each a URL, or { name, url, only }'),
  choose: z
    .custom<ChooseClients>(isFunction, 'a function is expected')
    .optional()
    .describe('Which clients get an incoming message or a status: a function that returns their names'),
  backend: z
    .union([z.string().min(1), z.custom<ChooseBackend>(isFunction)], 'a name or a function is expected')
    .optional()
    .describe(
      "The backend that clients' messages leave by, or a function that returns its name; else the first that can send",
    ),
  wait: z
    .int()
    .min(100)
    .default(20_000)
    .describe("Milliseconds to wait for what the service says of a client's message; later it is told as a status"),
})
export type ServerSettings = z.output<typeof serverSettings>
type Client = ServerSettings['clients'][number]

/** Free of secrets: a path or a password may be one. */
function nameOf(given: Client): string {
  if (typeof given === 'string') return URL.canParse(given) ? new URL(given).host : given
  return given.name ?? (URL.canParse(given.url) ? new URL(given.url).host : given.url)
}

/** The client's URL; undefined where it is not in the settings any more. */
export function urlOf(name: string, { clients }: ServerSettings): string | undefined {
  const found = clients.find((given) => nameOf(given) === name)
  return typeof found === 'string' ? found : found?.url
}

/**
 * The names of the clients that get it.
 * @throws InvalidInputError when `choose` names a client that is not there; whatever it throws
 */
export function clientsFor(subject: ForwardSubject, { clients, choose }: ServerSettings): readonly string[] {
  const names = clients.filter((given) => isWanted(subject, given)).map(nameOf)
  if (choose === undefined) return names
  const known = clients.map(nameOf)
  const chosen = [...new Set(choose(subject))]
  const stranger = chosen.find((name) => !known.includes(name))
  if (stranger === undefined) return chosen
  throw new InvalidInputError(`choose: there is no client "${stranger}"; there are ${known.join(', ')}`)
}

function isWanted(subject: ForwardSubject, given: Client): boolean {
  if (typeof given === 'string' || given.only === undefined) return true
  return given.only.some(({ kind, backends, addresses, text }) => {
    if (kind !== undefined && kind !== subject.kind) return false
    if (backends !== undefined && !backends.includes(subject.backend)) return false
    if (addresses === undefined && text === undefined) return true
    if (subject.kind === 'status') return false
    // A copy: `g` and `y` would remember where the last message matched.
    const pattern = text === undefined ? undefined : new RegExp(text.source, text.flags.replace(/[gy]/g, ''))
    return (addresses?.includes(subject.address ?? '') ?? true) && (pattern?.test(subject.text) ?? true)
  })
}
