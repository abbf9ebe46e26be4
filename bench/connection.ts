import { connect, type Socket } from 'node:net'

const READ_BUFFER_BYTES = 16 * 1024
const OK = '200'

/** What a connection tells its owner; the status is 0 when the connection broke before an answer came. */
export type OnAnswer = (connection: Connection, status: number) => void

/**
 * A keep-alive connection with at the most one request on its way. It reads no more of an answer than it must: one
 * that is as long as the last good one and says 200 is taken as whole, so that the generator is never what is measured.
 */
export class Connection {
  readonly #onAnswer: OnAnswer
  readonly #port: number
  #socket: Socket
  #goodLength = -1
  #partial = ''
  #waiting = false
  #closed = false
  /** When the request on its way was due, by `performance.now()`. */
  due = 0
  /** A number of the owner's, of the request on its way. */
  tag = 0

  constructor(port: number, onAnswer: OnAnswer) {
    this.#port = port
    this.#onAnswer = onAnswer
    this.#socket = this.#open()
  }

  send(request: Buffer): void {
    this.#waiting = true
    this.#socket.write(request)
  }

  close(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  #open(): Socket {
    const buffer = Buffer.allocUnsafe(READ_BUFFER_BYTES)
    const callback = (length: number, bytes: Uint8Array) => {
      this.#read(length, bytes as Buffer)
      return true
    }
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } })
    socket.on('error', () => {})
    socket.on('close', () => this.#broken())
    return socket
  }

  #read(length: number, bytes: Buffer): void {
    if (length === this.#goodLength && this.#partial === '' && bytes.toString('latin1', 9, 12) === OK)
      this.#answered(200)
    else this.#readSlowly(bytes.toString('latin1', 0, length))
  }

  #readSlowly(piece: string): void {
    this.#partial += piece
    const length = answerLength(this.#partial)
    if (length === undefined || this.#partial.length < length) return
    const status = Number(this.#partial.slice(9, 12))
    this.#partial = ''
    if (status === 200) this.#goodLength = length
    this.#answered(status)
  }

  #answered(status: number): void {
    this.#waiting = false
    this.#onAnswer(this, status)
  }

  #broken(): void {
    if (this.#closed) return
    this.#partial = ''
    this.#socket = this.#open()
    if (this.#waiting) this.#answered(0)
  }
}

/** The whole length of an answer in bytes, head included; undefined while that cannot be told. */
function answerLength(answer: string): number | undefined {
  const headEnd = answer.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = answer.slice(0, headEnd).toLowerCase()
  const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1]
  if (length !== undefined) return headEnd + 4 + Number(length)
  if (!head.includes('\r\ntransfer-encoding: chunked')) return headEnd + 4
  const end = answer.indexOf('0\r\n\r\n', headEnd + 4)
  return end < 0 ? undefined : end + 5
}
