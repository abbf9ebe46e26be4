import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** What a receiver was told. */
export interface Told {
  readonly id: string
  readonly name: string
  readonly message: { readonly id: string; readonly identity: string; readonly text: string }
}

export interface CallbackReceiver {
  readonly url: string
  /** What it has answered, or is about to. */
  readonly got: readonly Told[]
  /** What each of them came with. */
  readonly headers: readonly IncomingMessage['headers'][]
  close(): Promise<void>
}

/** Begins the answer; it is ended for it. A request for which it fails is broken off. */
export type ReceiverAnswer = (response: ServerResponse, number: number) => void | Promise<void>

/** A program that is told of messages, on a port of its own. */
export async function startReceiver(answer: ReceiverAnswer = () => {}): Promise<CallbackReceiver> {
  const got: Told[] = []
  const headers: IncomingMessage['headers'][] = []
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const told = JSON.parse(await text(request)) as Told
    headers.push(request.headers)
    await answer(response, got.push(told))
  }
  const server = createServer((request, response) => {
    take(request, response).then(
      () => response.end(),
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`, got, headers, close }
}

/** Each event once, where it came first. */
export function firsts(got: readonly Told[]): readonly Told[] {
  const seen = new Set<string>()
  return got.filter(({ id }) => !seen.has(id) && seen.add(id))
}
