import { AssertionError } from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'
import type { BackendInput } from '../backends/define.ts'
import { InvalidInputError } from '../messages/errors.ts'
import { uuidv7Generator } from '../messages/ids.ts'
import { type Lane, laneKey } from '../messages/lane.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import { MemoryQueue } from '../queue/memory-queue.ts'
import type { Received, ReceivedMessage } from '../router/backend.ts'
import type { Router } from '../router/router.ts'
import type { SendRequest, SentMessage } from '../router/send.ts'
import type { AppInput, SettingsInput } from '../settings/schema.ts'
import { createSwitchboard, type Switchboard } from '../settings/switchboard.ts'
import type { Store } from '../store/store.ts'
import { type Duration, milliseconds } from './duration.ts'
import { type FakeBackend, fakeBackend, isFakeBackend } from './fake-backend.ts'
import { type LogLine, recordedLogger } from './recorded-logger.ts'
import { parseScript, type ScriptLine } from './script.ts'
import { scriptDifference } from './script-diff.ts'
import { TestClock } from './test-clock.ts'

/** What is to be tested. */
export interface TestOptions {
  /** The chain, in its order, as in the settings. */
  readonly apps: readonly AppInput[]
  /** The backends by their names, as in the settings; by default one `fakeBackend()` with the name `fake`. */
  readonly backends?: Readonly<Record<string, BackendInput>>
  /** All other settings; the store is in memory unless `databaseUrl` says otherwise. */
  readonly settings?: Partial<Omit<SettingsInput, 'apps' | 'backends'>>
  /** Where the clock stands at first; by default Monday, 5 January 2026, 9:00 UTC. */
  readonly now?: Date
  /** Milliseconds of real time to wait for apps and backends that are busy outside; 2,000 by default. */
  readonly patience?: number
}

/** A message as a person sends it in a test. */
export interface TestMessage extends Partial<ReceivedMessage> {
  readonly text: string
  /** By default the first one of the settings. */
  readonly backend?: string
  /** Milliseconds or a text such as `10s` to wait for the responses, as a view does that gives them in its answer. */
  readonly wait?: Duration
}

const IDENTITY = '8005551212'
const STOP_STEP_MS = 100
/** Real time between two looks at whether all that is still busy hangs on purpose. */
const LOOK_MS = 5

/**
 * Runs apps and backends in this process, over a real store in memory, with a clock that stands still and ids that are
 * the same in each run.
 * @throws SettingsError with every fault of the settings
 */
export async function testSwitchboard(options: TestOptions): Promise<TestSwitchboard> {
  const test = new TestSwitchboard(options)
  await test.switchboard.start()
  return test
}

/** A running switchboard, and what a test does with it. Made by `testSwitchboard()`. */
export class TestSwitchboard {
  readonly switchboard: Switchboard
  readonly clock: TestClock
  /** The messages that services took, in the order they took them. */
  readonly sent: readonly OutgoingMessage[]
  readonly logs: readonly LogLine[]
  readonly #sent: OutgoingMessage[] = []
  readonly #queue: MemoryQueue
  readonly #fakes: readonly FakeBackend[]
  readonly #patience: number
  #stuck: ReadonlySet<string> = new Set()
  #stuckHooks: ReadonlySet<string> = new Set()
  #seenByScripts = 0

  constructor({ apps, backends = { fake: fakeBackend() }, settings = {}, now, patience = 2_000 }: TestOptions) {
    const logs: LogLine[] = []
    this.logs = logs
    this.sent = this.#sent
    this.clock = new TestClock(now?.getTime())
    this.#patience = patience
    this.#fakes = Object.values(backends).filter(isFakeBackend)
    this.switchboard = createSwitchboard(
      { databaseUrl: 'sqlite::memory:', ...settings, apps, backends: this.#watched(backends) },
      {
        clock: this.clock,
        newId: uuidv7Generator(this.clock, (bytes) => bytes.fill(0)),
        logger: recordedLogger(logs),
      },
    )
    const { queue } = this.switchboard.parts
    if (!(queue instanceof MemoryQueue)) throw new TypeError('The test kit works with the queue in this process only.')
    this.#queue = queue
  }

  get router(): Router {
    return this.switchboard.router
  }

  get store(): Store {
    return this.switchboard.parts.store
  }

  /**
   * The first fake backend: the one there is when no backends are given.
   * @throws InvalidInputError when there is none
   */
  get fake(): FakeBackend {
    const [first] = this.#fakes
    if (first === undefined) throw new InvalidInputError('None of the backends given is a fakeBackend().')
    return first
  }

  /** A person sends a message; resolves when it is processed as far as it can be without time passing. */
  async receive(message: string | TestMessage): Promise<Received> {
    const { backend, wait, identity = IDENTITY, ...rest } = typeof message === 'string' ? { text: message } : message
    const options = wait === undefined ? {} : { wait: milliseconds(wait) }
    const received = await this.router.receive(backend ?? this.#backends()[0] ?? '', { ...rest, identity }, options)
    await this.#settle()
    return received
  }

  /** Sends as a program does; resolves when the messages have left as far as they can without time passing. */
  async send(request: SendRequest): Promise<readonly SentMessage[]> {
    const sent = await this.router.send(request)
    await this.#settle()
    return sent
  }

  /** Lets time pass: timers go off in their order, and what each sets off is done before the next. */
  async advance(time: Duration): Promise<void> {
    await this.clock.advance(milliseconds(time), () => this.#settle())
  }

  /**
   * Waits until nothing more happens unless time passes.
   * @throws AssertionError naming the lanes that are still being worked, or the hooks that still run, when the patience
   *   is over
   */
  async idle(): Promise<void> {
    const { hooks } = this.router
    const end = performance.now() + this.#patience
    for (;;) {
      const lanes = await this.#queue.idle(Math.max(LOOK_MS, end - performance.now()))
      if (lanes.length > 0) throw failed(this.#stillWorked(lanes))
      if (hooks.inHand === 0) return
      if (performance.now() >= end) throw failed(this.#stillRunning(hooks.running))
      await this.#hooksEnd()
    }
  }

  /**
   * Plays a script and checks every answer: `8005551212 > echo hello` is sent, `8005551212 < hello` has to come.
   * @throws AssertionError with a diff and the line's number when an answer is missing, different or unexpected;
   *   InvalidInputError when a line cannot be read
   */
  async script(script: string): Promise<void> {
    const lines = parseScript(script, this.#backends()).map((line) => ({ ...line, ...this.router.canonical(line) }))
    // A script that begins with an answer looks at what has left since the last one; else it begins afresh.
    if (lines[0]?.direction !== 'out') this.#seenByScripts = this.#sent.length
    for (const block of blocksOf(lines)) await this.#play(block)
  }

  /** Stops the switchboard and forgets everything. May be called again. */
  async stop(): Promise<void> {
    await this.#settle()
    let isStopped = false
    const stopped = this.switchboard.stop().finally(() => {
      isStopped = true
    })
    // What hangs holds up a stop until a limit, and limits are measured by a clock that stands still.
    while (!isStopped) await this.clock.advance(STOP_STEP_MS)
    await stopped
  }

  async #play(block: readonly ScriptLine[]): Promise<void> {
    const logged = this.logs.length
    let lanes: readonly Lane[] = await this.#settle()
    for (const { direction, backend, identity, text } of block) {
      if (direction === 'out') continue
      await this.router.receive(backend, { identity, text })
      lanes = await this.#settle()
    }
    const difference = scriptDifference(block, this.#sent.slice(this.#seenByScripts))
    this.#seenByScripts = this.#sent.length
    if (difference === undefined) return
    const hints = this.logs.slice(logged).filter(({ level }) => level === 'warn' || level === 'error')
    throw failed(
      [
        difference,
        ...(lanes.length === 0 ? [] : [this.#stillWorked(lanes)]),
        ...hints.map(({ message, fields }) => `The log says: ${message}${reasonOf(fields['err'])}`),
      ].join('\n\n'),
    )
  }

  #backends(): readonly string[] {
    return [...this.switchboard.settings.backends.keys()]
  }

  /** The same backends; what their services take is noted. */
  #watched(backends: Readonly<Record<string, BackendInput>>): Record<string, BackendInput> {
    const note = (message: OutgoingMessage) => this.#sent.push(message)
    const watched = Object.entries(backends).map(([name, backend]) => {
      const { definition, input } = backend
      if (definition.send === undefined) return [name, backend] as const
      const send: typeof definition.send = async (message, tools) => {
        const result = await definition.send?.(message, tools)
        note(message)
        return result
      }
      return [name, { definition: { ...definition, send }, input }] as const
    })
    return Object.fromEntries(watched)
  }

  /**
   * Waits as `idle()` does, but no longer than the patience, and not at all for what hangs on purpose or has used up
   * the patience before.
   */
  async #settle(): Promise<readonly Lane[]> {
    const end = performance.now() + this.#patience
    for (;;) {
      await this.#hooksEnd()
      const lanes = await this.#queue.idle(LOOK_MS)
      const { running, inHand } = this.router.hooks
      const areHooksKnown = inHand === 0 || (running.length > 0 && running.every((hook) => this.#stuckHooks.has(hook)))
      const hanging = this.#fakes.reduce((sum, fake) => sum + fake.hanging, 0)
      const isKnown = lanes.length <= hanging || lanes.every((lane) => this.#stuck.has(laneKey(lane)))
      if (!(isKnown && areHooksKnown) && performance.now() < end) continue
      this.#stuck = new Set(lanes.map(laneKey))
      this.#stuckHooks = new Set(running)
      return lanes
    }
  }

  /** Waits for hooks that run beside the work, for as long as it takes to look again. */
  async #hooksEnd(): Promise<void> {
    const { hooks } = this.router
    if (hooks.inHand > 0) await Promise.race([hooks.idle(), pause(LOOK_MS)])
  }

  #stillRunning(hooks: readonly string[]): string {
    return `Still running after ${this.#patience} ms:\n${hooks.map((hook) => `  ${hook}`).join('\n')}`
  }

  #stillWorked(lanes: readonly Lane[]): string {
    const names = lanes.map((lane) => `  ${lane.kind} ${lane.owner}:${lane.identity}`)
    return `Still being worked after ${this.#patience} ms:\n${names.join('\n')}`
  }
}

/** What people send, with the answers that follow; the answers end a block. */
function blocksOf(lines: readonly ScriptLine[]): readonly (readonly ScriptLine[])[] {
  const blocks: ScriptLine[][] = []
  for (const line of lines) {
    const block = blocks.at(-1)
    const isAnswered = block?.at(-1)?.direction === 'out'
    if (block === undefined || (isAnswered && line.direction === 'in')) blocks.push([line])
    else block.push(line)
  }
  return blocks
}

/** Logged errors are plain objects, since secrets have been taken out of them. */
function reasonOf(error: unknown): string {
  if (error === undefined) return ''
  const isObject = typeof error === 'object' && error !== null && 'message' in error
  return `: ${isObject ? String(error.message) : String(error)}`
}

function failed(message: string): AssertionError {
  return new AssertionError({ message })
}
