import { createSocket } from 'node:dgram'

export interface Nameserver {
  /** As `Resolver.setServers` takes it. */
  readonly address: string
  /** The names that were asked for, in their order. */
  readonly asked: string[]
  close(): Promise<void>
}

/**
 * `silent` for one that never answers; `no-v6` for one that answers for IPv4 alone; `late-v4` for one that answers for
 * IPv4 later than anybody waits who knows the other addresses.
 */
export type NameserverManner = 'answers' | 'silent' | 'no-v6' | 'late-v4'

const TYPE_A = 1
const TYPE_AAAA = 28
const LATE_MS = 700
/** 2001:db8::7, in bytes. */
const V6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]

/**
 * Serves DNS (RFC 1035, RFC 3596) on a free port: one address of IPv4 for each name that it knows, and 2001:db8::7 for
 * those that end in `.six`; others do not exist.
 */
export async function startNameserver(
  names: Readonly<Record<string, string>>,
  manner: NameserverManner = 'answers',
): Promise<Nameserver> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  const timers = new Set<NodeJS.Timeout>()
  socket.on('message', (query, { port, address }) => {
    const { name, type, end } = questionOf(query)
    asked.push(name)
    if (manner === 'silent' || (manner === 'no-v6' && type !== TYPE_A)) return
    const known = names[name]
    const v4 = known?.split('.').map(Number)
    const record = type === TYPE_A ? v4 : type === TYPE_AAAA && name.endsWith('.six') ? V6 : undefined
    const answer = answerTo(query.subarray(0, end), known !== undefined, type, record)
    const send = () => socket.send(answer, port, address)
    if (manner === 'late-v4' && type === TYPE_A) timers.add(setTimeout(send, LATE_MS))
    else send()
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    close: () => {
      for (const timer of timers) clearTimeout(timer)
      return new Promise((resolve) => socket.close(() => resolve()))
    },
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
function answerTo(question: Buffer, isKnown: boolean, type: number, address: readonly number[] | undefined): Buffer {
  const head = Buffer.from(question)
  head.writeUInt16BE(isKnown ? 0x8180 : 0x8183, 2)
  head.writeUInt16BE(address === undefined ? 0 : 1, 6)
  head.fill(0, 8, 12)
  if (address === undefined) return head
  return Buffer.concat([head, Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, address.length, ...address])])
}
