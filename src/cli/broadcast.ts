import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { sleep, systemClock } from '../messages/clock.ts'
import { errorText, InvalidInputError } from '../messages/errors.ts'
import type { MessageClass } from '../messages/lane.ts'
import type { Broadcast, BroadcastRequest, BroadcastTo } from '../router/broadcast-request.ts'
import type { Broadcasts } from '../router/broadcasts.ts'
import type { CsvEncoding } from '../router/csv-records.ts'
import { endedBroadcastStates } from '../store/broadcast-store.ts'
import { broadcastLines } from './broadcast-file.ts'
import { progressLine, tellFaults } from './broadcasts.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { StopSignal } from './stop-signal.ts'
import { wrongTime } from './wrong-time.ts'

export interface BroadcastCommandOptions extends CommonOptions {
  readonly text?: string
  readonly template?: string
  readonly column?: string
  readonly encoding?: CsvEncoding
  readonly backend?: string
  readonly from?: string
  readonly rate?: number
  readonly cap?: number
  readonly capCost?: number
  readonly strict?: boolean
  readonly at?: Date
  readonly expires?: Date
  readonly tag?: string
  readonly name?: string
  readonly idempotencyKey?: string
  readonly wait?: boolean
  readonly class: MessageClass
}

const PROGRESS_MS = 1_000

/**
 * Takes in the recipients of a file for the server to send to; with `--wait`, until all is settled.
 * @param wrongUsage told what is wrong with the flags; ends the command
 */
export async function broadcast(
  file: string,
  options: BroadcastCommandOptions,
  output: Output,
  wrongUsage: (text: string) => never,
): Promise<number> {
  const stop = new AbortController()
  void new StopSignal().received.then(() => stop.abort())
  const request = requestOf(options)
  return besideServer(options, async ({ router }) => {
    const lines = broadcastLines(bytesOf(file, stop.signal), options)
    const begun = await router
      .broadcast(told(lines, output), request)
      .catch((error: unknown) => wrongTime(error, wrongUsage))
    const { id, state, reason, recipients, duplicates, faults } = begun
    await tellFaults(router.broadcasts, id, output)
    if (state === 'FAILED') {
      output.err(`switchboard: the broadcast ${id} has failed, and nobody gets anything: ${reason}`)
      return 1
    }
    output.out(`${id} recorded: ${recipients} recipients, ${duplicates} duplicates, ${faults} faults`)
    return options.wait === true ? waitFor(begun, router.broadcasts, output, stop.signal) : 0
  })
}

function requestOf(options: BroadcastCommandOptions): BroadcastRequest {
  const { settings: _, verbose: __, wait: ___, column: ____, encoding: _____, cap, capCost, ...rest } = options
  const { text, template, ...values } = rest
  const limits = {
    ...(cap === undefined ? {} : { messages: cap }),
    ...(capCost === undefined ? {} : { cost: capCost }),
  }
  const capped = { ...values, ...(Object.keys(limits).length === 0 ? {} : { cap: limits }) }
  return template === undefined ? { ...capped, text: text ?? '' } : { ...capped, template: { slug: template } }
}

/** Says now and then how far the reading has come. */
async function* told(lines: AsyncIterable<BroadcastTo>, output: Output): AsyncGenerator<BroadcastTo> {
  let count = 0
  let toldAt = performance.now()
  for await (const line of lines) {
    yield line
    count++
    if (performance.now() - toldAt < PROGRESS_MS) continue
    toldAt = performance.now()
    output.err(`${count} recipients read so far`)
  }
}

/** @returns 0 when it came to its end */
async function waitFor(
  { id, faults }: Broadcast,
  broadcasts: Broadcasts,
  output: Output,
  stop: AbortSignal,
): Promise<number> {
  let last = ''
  for (;;) {
    const progress = await broadcasts.find(id)
    if (progress === undefined) return 1
    const line = progressLine(progress)
    if (line !== last) output.out(line)
    last = line
    if (endedBroadcastStates.includes(progress.state)) {
      if (progress.faults > faults) await tellFaults(broadcasts, id, output)
      return progress.state === 'DONE' ? 0 : 1
    }
    if (stop.aborted) {
      output.err('switchboard: not waited for any longer; the broadcast goes on')
      return 1
    }
    await sleep(systemClock, PROGRESS_MS, stop)
  }
}

/** @throws InvalidInputError when it cannot be read, or the command is stopped meanwhile */
async function* bytesOf(file: string, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  const stream: Readable = file === '-' ? process.stdin : createReadStream(file)
  const end = () => stream.destroy(new Error('stopped'))
  stop.addEventListener('abort', end)
  try {
    yield* stream as AsyncIterable<Uint8Array>
  } catch (cause) {
    const name = file === '-' ? 'the standard input' : file
    throw new InvalidInputError(`${name} could not be read to its end: ${errorText(cause)}`, { cause })
  } finally {
    stop.removeEventListener('abort', end)
    stream.destroy()
  }
}
