import { Answers } from './answers.ts'
import { AppCalls } from './app-calls.ts'
import type { Backend } from './backend.ts'
import { BackendMeans } from './backend-means.ts'
import { Backlog } from './backlog.ts'
import { Brake } from './brake.ts'
import { Copies } from './copies.ts'
import { Dispatch } from './dispatch.ts'
import { Ending } from './ending.ts'
import { Identities } from './identities.ts'
import { IncomingWorker } from './incoming-worker.ts'
import { Intake } from './intake.ts'
import { Objections } from './objections.ts'
import { OptOuts } from './opt-outs.ts'
import { OutgoingTexts } from './outgoing-texts.ts'
import { OutgoingWorker } from './outgoing-worker.ts'
import { Reports } from './reports.ts'
import { Ringer } from './ring.ts'
import type { RouterParts, ToolsOwner } from './router-parts.ts'
import { RunningParts } from './running-parts.ts'
import { Sender } from './send.ts'
import { Staleness } from './staleness.ts'
import { StoreAbsence } from './store-absence.ts'
import { Sweep } from './sweep.ts'

/** What the members of a router ask of the router itself. */
export interface Owner extends Pick<ToolsOwner, 'receive' | 'report'> {
  /** Aborted when the process stops waiting for what is in hand. */
  stopping(): AbortSignal
  /** Has the queue hand out lanes again. */
  takeLanes(): void
}

/** The members of one router, joined. */
export type Assembly = ReturnType<typeof assemble>

/** Joins a router's members. Nothing is started. */
export function assemble(parts: RouterParts, owner: Owner) {
  const { store, queue, signals, clock, logger, settings } = parts
  const backlog = new Backlog(settings.backlog)
  const sweep = new Sweep({ store, queue, signals, clock, logger, backlog })
  const toolsOwner: ToolsOwner = {
    receive: (backend, message) => owner.receive(backend, message),
    report: (backend, report) => owner.report(backend, report),
    get means() {
      return means
    },
  }
  const shared = {
    ...sharedMembers(parts, owner),
    toolsOf: (backend: Backend, ending: Ending) => parts.toolsOf(toolsOwner, backend, ending),
  }
  const means = new BackendMeans({ ...shared, receive: toolsOwner.receive, report: toolsOwner.report })
  const { identities, ringer, sender, copies, absence } = shared
  const stopping = () => owner.stopping()
  const staleness = new Staleness(settings.incoming, store, clock)
  const dispatch = new Dispatch({ ...shared, stopping })
  const answers = new Answers({ store, ringer, signals, clock })
  return {
    ...{ backlog, sweep, identities, ringer, sender, copies, absence, staleness, dispatch },
    intake: new Intake({ ...shared, answers, backlog }),
    reports: new Reports({ ...shared, record: (messages) => dispatch.record(messages) }),
    running: new RunningParts({
      ...parts,
      toolsOf: (backend, signal) => shared.toolsOf(backend, new Ending(signal)),
    }),
    incoming: new IncomingWorker({
      ...shared,
      ...{ staleness, objections: new Objections(new Brake(settings.brake, logger), staleness) },
      ...{ retry: settings.retry, languages: settings.languages, settled: () => backlog.settled() },
    }),
    outgoing: new OutgoingWorker({ ...shared, expiry: settings.expiry, stopping }),
    means,
  }
}

/** What several members are made of. */
function sharedMembers(parts: RouterParts, owner: Owner) {
  const { role, apps, backends, store, queue, signals, clock, newId, logger, settings } = parts
  const isShared = role !== 'alone'
  const identities = new Identities(backends)
  const texts = new OutgoingTexts({ backends, newId, logger })
  const { languages } = settings
  const absence = new StoreAbsence({ store, queue, clock, logger, isShared, resume: () => owner.takeLanes() })
  return {
    ...{ apps, backends, store, signals, clock, newId, logger, identities, texts, absence, isShared },
    sender: new Sender({ backends, store, languages, identities, texts, now: () => clock.now(), newId }),
    ringer: new Ringer({ queue, clock, logger }),
    calls: new AppCalls(clock, logger, settings.apps),
    copies: new Copies({ backends, clock, newId, logger }),
    optOuts: new OptOuts({ store, newId, settings: settings.optOut }),
    storeAway: () => absence.noticed(),
  }
}
