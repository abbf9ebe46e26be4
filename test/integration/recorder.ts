import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One message as the far side has received it. */
export interface Reception {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly id: string
  readonly identity: string
  readonly text: string
}

/** What the far side does with a message: answer with a status, cut the connection, or never answer. */
export type Reply = number | 'cut' | 'hang'

/**
 * Decides on the reply.
 * @param earlier how often this message was received before
 */
export type Behaviour = (reception: Reception, earlier: number) => Reply | Promise<Reply>

/** A service behind `httpBackend` that records everything it receives, in order. */
export interface Recorder {
  /** As `send.url` of an `httpBackend` whose params are {@link recorderParams}. */
  readonly url: string
  readonly received: readonly Reception[]
  /** The texts received from one person's conversation, in order. */
  textsTo(identity: string): readonly string[]
  behave(behaviour: Behaviour): void
  /** Stops listening and cuts every connection. */
  goAway(): Promise<void>
  /** Listens again, on the same port. */
  comeBack(): Promise<void>
  close(): Promise<void>
}

/** The names under which the recorder expects the values. */
export const recorderParams = { identity: 'to', text: 'text', id: 'id' }

export async function startRecorder(behaviour: Behaviour = () => 200): Promise<Recorder> {
  const received: Reception[] = []
  const times = new Map<string, number>()
  let behave = behaviour
  const take = async (req: IncomingMessage, res: ServerResponse) => {
    const values = new URLSearchParams(await bodyOf(req))
    const [id, identity, text] = [values.get('id') ?? '', values.get('to') ?? '', values.get('text') ?? '']
    const reception = { at: Date.now(), id, identity, text }
    const earlier = times.get(id) ?? 0
    times.set(id, earlier + 1)
    received.push(reception)
    const reply = await behave(reception, earlier)
    if (reply === 'cut') req.socket.destroy()
    else if (reply !== 'hang') res.writeHead(reply, { 'content-type': 'text/plain' }).end(`ID ${id}`)
  }
  // A request that ends before its body was never received.
  const server = createServer((req, res) => void take(req, res).catch(() => req.socket.destroy()))
  server.keepAliveTimeout = 60_000
  const port = await listen(server, 0)
  return {
    url: `http://127.0.0.1:${port}/send`,
    received,
    textsTo: (identity) => received.filter((one) => one.identity === identity).map(({ text }) => text),
    behave: (next) => {
      behave = next
    },
    goAway: () => close(server),
    comeBack: async () => {
      await listen(server, port)
    },
    close: () => close(server),
  }
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
