import { z } from 'zod'
import { defineBackend } from '../../src/backends/index.ts'
import { MessageSendError, type OutgoingMessage, type SettingsInput } from '../../src/index.ts'
import { serveWeb, type Web } from './web.ts'

/** A phone network that keeps what it is given. */
export interface Network {
  readonly sent: readonly OutgoingMessage[]
  readonly backend: ReturnType<ReturnType<typeof defineBackend>>
}

/** @param send what it does with a message beside keeping it; nothing by default */
export function network(send: (message: OutgoingMessage) => Promise<void> | void = () => {}): Network {
  const sent: OutgoingMessage[] = []
  const make = defineBackend({
    kind: 'network',
    settings: z.strictObject({}),
    async send(message) {
      sent.push(message)
      await send(message)
      return { externalIds: [message.id] }
    },
  })
  return { sent, backend: make({}) }
}

export function refuse(): never {
  throw new MessageSendError('The service has refused it.', { providerCode: '6' })
}

export type ProxyInput = NonNullable<SettingsInput['proxy']>

const usual: ProxyInput = {
  handlers: { message: { text: 'Welcome to Example', from: 'Awesome' } },
  country: { default: 'DE' },
}

/** Serves a proxy over one backend; the client's address is what a request has in X-Forwarded-For. */
export function serveProxy(
  proxy: ProxyInput,
  { backend = network().backend, ...settings }: Partial<SettingsInput> & { readonly backend?: Network['backend'] } = {},
): Promise<Web> {
  return serveWeb({
    backends: { network: backend },
    http: { trustedProxies: ['127.0.0.1'] },
    ...settings,
    proxy: { ...usual, ...proxy },
  })
}

export interface ProxyAnswer {
  readonly status: number
  readonly type: string
  readonly body: unknown
}

/** Asks, and reads the answer as JSON. */
export async function ask(url: string, init: RequestInit = {}): Promise<ProxyAnswer> {
  const answer = await fetch(url, init)
  const text = await answer.text()
  const type = answer.headers.get('content-type') ?? ''
  return { status: answer.status, type, body: type.startsWith('application/json') ? JSON.parse(text) : text }
}

/** The headers of a client at this address. */
export function from(ip: string, more: Readonly<Record<string, string>> = {}): RequestInit {
  return { headers: { 'X-Forwarded-For': ip, ...more } }
}
