import { createSocket } from 'node:dgram'

export interface Nameserver {
  /** As `Resolver.setServers` takes it. */
  readonly address: string
  /** The names that were asked for, in their order. */
  readonly asked: string[]
  close(): Promise<void>
}

/** `silent` for one that never answers; `no-v6` for one that answers for IPv4 alone. */
export type NameserverManner = 'answers' | 'silent' | 'no-v6'

const TYPE_A = 1

/** Serves DNS (RFC 1035) on a free port: one address of IPv4 for each name that it knows; others do not exist. */
export async function startNameserver(
  names: Readonly<Record<string, string>>,
  manner: NameserverManner = 'answers',
): Promise<Nameserver> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, { port, address }) => {
    const { name, type, end } = questionOf(query)
    asked.push(name)
    if (manner === 'silent' || (manner === 'no-v6' && type !== TYPE_A)) return
    socket.send(answerTo(query.subarray(0, end), names[name], type === TYPE_A), port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}

function questionOf(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** The question again, and the address where there is one: the name is that at byte 12, for 0 seconds. */
function answerTo(question: Buffer, address: string | undefined, isForV4: boolean): Buffer {
  const head = Buffer.from(question)
  const isTold = address !== undefined && isForV4
  head.writeUInt16BE(address === undefined ? 0x8183 : 0x8180, 2)
  head.writeUInt16BE(isTold ? 1 : 0, 6)
  head.fill(0, 8, 12)
  if (!isTold) return head
  const record = Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)])
  return Buffer.concat([head, record])
}
