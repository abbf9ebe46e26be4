import { Agent, request } from 'undici'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** A service that hands us messages, over kept-alive connections. */
export interface Client {
  /** Sends a form to the view. */
  post(url: string, values: Readonly<Record<string, string>>): Promise<Answer>
  get(url: string): Promise<Answer>
  close(): Promise<void>
}

const ANSWER_LIMIT_MS = 30_000

export function createClient(connections = 64): Client {
  const dispatcher = new Agent({ connections, pipelining: 1, headersTimeout: ANSWER_LIMIT_MS })
  const call = async (url: string, options: Parameters<typeof request>[1]): Promise<Answer> => {
    const { statusCode, headers, body } = await request(url, { ...options, dispatcher })
    return { status: statusCode, headers, body: await body.text() }
  }
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  return {
    post: (url, values) =>
      call(url, { method: 'POST', headers: type, body: new URLSearchParams({ ...values }).toString() }),
    get: (url) => call(url, { method: 'GET' }),
    close: () => dispatcher.destroy(),
  }
}

/** Runs the task for every item, at most `width` at a time. */
export async function eachOf<T>(items: readonly T[], width: number, task: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) await task(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
