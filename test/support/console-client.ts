import { request as httpRequest, type IncomingMessage } from 'node:http'
import { expect } from 'chai'

export interface ConsoleAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface ConsoleRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** Asks for a page as a browser does, with every header as the test wants it: fetch would not let it lie. */
export function askConsole(url: string, { method = 'GET', headers = {}, body }: ConsoleRequest = {}) {
  return new Promise<ConsoleAnswer>((resolve, reject) => {
    const request = httpRequest(url, { method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode = 0, headers } = response
        resolve({ status: statusCode, headers, body: Buffer.concat(chunks).toString('utf8') })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Opens a link and gives the session's cookie. */
export async function enterConsole(link: string | undefined, headers: Readonly<Record<string, string>> = {}) {
  const answer = await askConsole(link ?? '', { headers })
  expect(answer.status, answer.body).to.equal(303)
  return cookieOf(answer)
}

export function cookieOf({ headers }: ConsoleAnswer): string {
  return headers['set-cookie']?.[0]?.split(';')[0] ?? ''
}

/** A form with one file, as a browser sends it. */
export function multipart(fields: Readonly<Record<string, string>>, file: Uint8Array | string) {
  const boundary = 'switchboard-test-boundary'
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="lines.txt"\r\ncontent-type: text/plain\r\n\r\n`
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([
      Buffer.from(parts.join('') + head),
      Buffer.from(file),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]),
  }
}

/** A stream of events as it comes over the wire. */
export interface RawStream {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** All that came so far. */
  text(): string
  readonly ended: Promise<void>
  close(): void
}

export function openStream(url: string, headers: Readonly<Record<string, string>>): Promise<RawStream> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      const ended = new Promise<void>((done) => response.once('close', () => done()))
      const { statusCode = 0, headers } = response
      resolve({ status: statusCode, headers, text: () => text, ended, close: () => request.destroy() })
    })
    request.on('error', reject)
    request.end()
  })
}
