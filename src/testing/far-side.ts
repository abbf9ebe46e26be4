import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** What the far side does with one request; answers are given in their order. */
export type Canned =
  | {
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string | Uint8Array
    }
  /** Takes the request and never answers. */
  | 'hang'
  /** Takes the request and closes the connection. */
  | 'cut'
  /** Answers the head and half of the body, then closes the connection. */
  | { readonly cutAfter: string; readonly status?: number }
  /** Answers a byte at a time, for ever. */
  | 'dribble'
  /** Answers more than anybody should read. */
  | 'large'
  /** Answers what is not HTTP. */
  | 'garbage'

/** A request exactly as it came. */
export interface FarRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  /** Which connection it came over, from 1. */
  readonly connection: number
}

/** A service as backends see it: a real HTTP server that answers what it was told to and remembers what it was asked. */
export interface FarSide {
  /** Without a slash at the end. */
  readonly url: string
  readonly requests: readonly FarRequest[]
  /** Answers that nobody has asked for yet. */
  readonly unused: number
  /** Connections that clients have closed or broken. */
  readonly closed: number
  answer(...canned: readonly Canned[]): void
  /** Forgets requests and answers. */
  reset(): void
  stop(): Promise<void>
}

const DRIBBLE_MS = 5
const LARGE = 1_100_000

/** Starts a far side on a free port; without canned answers it answers 200 and an empty body. */
export async function farSide(): Promise<FarSide> {
  const requests: FarRequest[] = []
  const answers: Canned[] = []
  const connections = new Map<Socket, number>()
  let closed = 0
  const server = createServer(async (req, res) => {
    const body: Buffer[] = []
    for await (const chunk of req) body.push(chunk as Buffer)
    const { method = '', url: target = '', headers } = req
    const connection = connections.get(req.socket) ?? 0
    requests.push({ method, target, headers, body: Buffer.concat(body).toString('utf8'), connection })
    give(answers.shift() ?? {}, req, res)
  })
  server.on('connection', (socket) => {
    connections.set(socket, connections.size + 1)
    socket.on('error', () => {})
    socket.once('close', () => {
      closed++
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    get unused() {
      return answers.length
    },
    get closed() {
      return closed
    },
    answer: (...canned) => {
      answers.push(...canned)
    },
    reset() {
      requests.length = 0
      answers.length = 0
    },
    stop: () => stop(server),
  }
}

function give(canned: Canned, req: IncomingMessage, res: ServerResponse): void {
  if (canned === 'hang') return
  if (canned === 'cut') {
    req.socket.destroy()
  } else if (canned === 'large') {
    res.end(Buffer.alloc(LARGE, '.'))
  } else if (canned === 'garbage') {
    req.socket.end('SMS/1.0 fine, thank you\r\n\r\n')
  } else if (canned === 'dribble') {
    res.writeHead(200, { 'content-type': 'text/plain' })
    const timer = setInterval(() => res.write('.'), DRIBBLE_MS)
    res.once('close', () => clearInterval(timer))
  } else if ('cutAfter' in canned) {
    res.writeHead(canned.status ?? 200, { 'content-length': String(canned.cutAfter.length * 2) })
    res.write(canned.cutAfter, () => req.socket.destroy())
  } else {
    res.writeHead(canned.status ?? 200, canned.headers)
    res.end(canned.body ?? '')
  }
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
