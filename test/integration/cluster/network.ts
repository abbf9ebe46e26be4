import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A way to a server that can be cut without a word, as a firewall or a broken switch does. */
export class Network {
  readonly #to: number
  readonly #sockets = new Set<Socket>()
  readonly #waiting: (() => void)[] = []
  readonly #server: Server
  #isCut = false

  /** @param to the port of the server on this machine */
  static async to(to: number): Promise<Network> {
    const network = new Network(to)
    network.#server.listen(0, '127.0.0.1')
    await once(network.#server, 'listening')
    return network
  }

  private constructor(to: number) {
    this.#to = to
    this.#server = createServer((near) => this.#join(near))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** From now on nothing gets through and nobody is told. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.pause()
  }

  /** What was sent meanwhile arrives now, as it does when packets are sent again. */
  mend(): void {
    this.#isCut = false
    for (const socket of this.#sockets) socket.resume()
    for (const join of this.#waiting.splice(0)) join()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(near: Socket): void {
    this.#keep(near)
    const on = () => {
      if (near.destroyed) return
      const far = connect(this.#to, '127.0.0.1')
      this.#keep(far)
      relay(near, far)
      relay(far, near)
    }
    if (this.#isCut) this.#waiting.push(on)
    else on()
  }

  #keep(socket: Socket): void {
    socket.setNoDelay(true)
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }
}

/** A paused socket tells neither of data nor of its end. */
function relay(from: Socket, to: Socket): void {
  from.on('data', (chunk) => to.write(chunk))
  from.once('close', () => to.destroy())
}
