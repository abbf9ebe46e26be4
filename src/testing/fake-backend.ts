import { z } from 'zod'
import { type BackendInput, type CommonBackendInput, defineBackend, NO_SMS } from '../backends/define.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { SendTools } from '../router/backend.ts'
import { NotRunningError, ServerError } from '../router/errors.ts'

/** What a report of the fake service says beside the state. */
export interface FakeReport extends Pick<DeliveryReport, 'code' | 'text'> {
  /** The message it is about; by default the one taken last. */
  readonly of?: Pick<OutgoingMessage, 'id'>
}

/** A service that takes everything, or fails as it is told. */
export interface FakeBackend extends BackendInput {
  /** The messages it took, in the order it took them. */
  readonly sent: readonly OutgoingMessage[]
  /** The messages it was given, also those it failed to take, once for each attempt. */
  readonly attempts: readonly OutgoingMessage[]
  /** How many calls are hanging now. */
  readonly hanging: number
  /** Throws on the next sends; a `ServerError`, which is tried again, unless another error is given. */
  failNext(count: number, error?: Error): void
  /** Throws on every send until `recover()`. */
  failAlways(error?: Error): void
  /** Does not answer any send until `recover()`, which answers those that are still waited for. */
  hang(): void
  /** Takes everything again. */
  recover(): void
  /**
   * Says later what became of a message, as a service's delivery report.
   * @throws NotRunningError when it has taken no such message
   */
  report(state: OutgoingState, report?: FakeReport): Promise<void>
}

/** A backend for tests. It is part of one switchboard at a time. */
export function fakeBackend(input: CommonBackendInput = {}): FakeBackend {
  const service = new FakeService()
  const make = defineBackend({
    kind: 'fake',
    settings: z.strictObject({}),
    reports: 'handset',
    text: NO_SMS,
    start: async (tools) => service.connect(tools),
    send: (message, { signal }) => service.take(message, signal),
  })
  return {
    ...make(input),
    get sent() {
      return [...service.sent]
    },
    get attempts() {
      return [...service.attempts]
    },
    get hanging() {
      return service.hung.size
    },
    failNext(count, error = failure()) {
      service.errors.push(...Array.from({ length: count }, () => error))
    },
    failAlways(error = failure()) {
      service.mode = error
    },
    hang() {
      service.mode = 'hang'
    },
    recover: () => service.recover(),
    report: (state, report) => service.report(state, report),
  }
}

export function isFakeBackend(backend: BackendInput): backend is FakeBackend {
  return 'hanging' in backend && backend.definition.kind === 'fake'
}

class FakeService {
  readonly sent: OutgoingMessage[] = []
  readonly attempts: OutgoingMessage[] = []
  readonly errors: Error[] = []
  readonly hung = new Set<() => void>()
  mode: 'take' | 'hang' | Error = 'take'
  readonly #externalIds = new Map<string, string>()
  #report: SendTools<unknown>['report'] | undefined

  connect(tools: SendTools<unknown>): void {
    this.#report = tools.report
  }

  async take(message: OutgoingMessage, signal: AbortSignal) {
    this.attempts.push(message)
    const error = this.errors.shift() ?? this.mode
    if (error instanceof Error) throw error
    if (error === 'hang') await this.#released(signal)
    this.sent.push(message)
    const externalId = `fake-${this.sent.length}`
    this.#externalIds.set(message.id, externalId)
    return { externalIds: [externalId] }
  }

  recover(): void {
    this.mode = 'take'
    this.errors.length = 0
    for (const release of this.hung) release()
  }

  async report(state: OutgoingState, { of = this.sent.at(-1), ...details }: FakeReport = {}): Promise<void> {
    const externalId = of === undefined ? undefined : this.#externalIds.get(of.id)
    if (this.#report === undefined || externalId === undefined) {
      throw new NotRunningError('The fake backend reports once it has taken the message.')
    }
    await this.#report({ externalId, state, ...details })
  }

  #released(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        this.hung.delete(release)
        signal.removeEventListener('abort', abort)
        settle()
      }
      const release = () => end(resolve)
      const abort = () => end(() => reject(new ServerError('The call was given up.')))
      this.hung.add(release)
      signal.addEventListener('abort', abort, { once: true })
    })
  }
}

function failure(): Error {
  return new ServerError('The fake service fails, as it was told to.')
}
