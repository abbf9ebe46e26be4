import { randomUUID } from 'node:crypto'
import type { DeliveryReport } from '../messages/report.ts'
import { Answers } from './answers.ts'
import { AppCalls } from './app-calls.ts'
import type { Backend } from './backend.ts'
import { BackendMeans } from './backend-means.ts'
import { Backlog } from './backlog.ts'
import { Brake } from './brake.ts'
import { assembleBroadcasts } from './broadcast-assembly.ts'
import { assembleCallbacks } from './callback-assembly.ts'
import { Contacts } from './contacts.ts'
import { Copies } from './copies.ts'
import { Dispatch } from './dispatch.ts'
import { Ending } from './ending.ts'
import { Failover } from './failover.ts'
import { Groups } from './groups.ts'
import { Holds } from './holds.ts'
import { Hooks } from './hooks.ts'
import { Identities } from './identities.ts'
import { IncomingWorker } from './incoming-worker.ts'
import { Intake } from './intake.ts'
import { Networks } from './networks.ts'
import { Objections } from './objections.ts'
import { OptOuts } from './opt-outs.ts'
import { OutgoingTexts } from './outgoing-texts.ts'
import { OutgoingWorker } from './outgoing-worker.ts'
import { Overdue } from './overdue.ts'
import { Prices } from './prices.ts'
import { QuietHours } from './quiet-hours.ts'
import { Reports } from './reports.ts'
import { Rerouting } from './rerouting.ts'
import { Ringer } from './ring.ts'
import { RouteChooser } from './route-chooser.ts'
import type { RouterParts, ToolsOwner } from './router-parts.ts'
import { Routing } from './routing.ts'
import { RunningParts } from './running-parts.ts'
import { Sender } from './send.ts'
import { Staleness } from './staleness.ts'
import { StateChecks } from './state-checks.ts'
import { StoreAbsence } from './store-absence.ts'
import { Sweep } from './sweep.ts'
import { TemplateEngine } from './template-engine.ts'
import { TemplateTexts } from './template-texts.ts'
import { Templates } from './templates.ts'

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
  const ownReport = async (backend: string, report: DeliveryReport) => {
    await reports.takeOwn(backend, report)
  }
  const means = new BackendMeans({ ...shared, receive: toolsOwner.receive, report: toolsOwner.report, ownReport })
  const { identities, ringer, sender, copies, absence } = shared
  const stopping = () => owner.stopping()
  const directory = { ...shared, now: () => clock.now() }
  const staleness = new Staleness(settings.incoming, store, clock)
  const dispatch = new Dispatch({ ...shared, stopping, keyFor: settings.idempotency.keptFor })
  const reports = new Reports({ ...shared, record: (messages) => dispatch.record(messages) })
  const answers = new Answers({ hooks: shared.hooks, store, ringer, signals, clock })
  const overdue = new Overdue({
    ...shared,
    ...{ expiry: settings.expiry, held: () => shared.holds.held, record: (messages) => dispatch.record(messages) },
    report: ownReport,
  })
  const also = async (signal: AbortSignal) => {
    await shared.holds.refresh()
    await overdue.end(signal)
  }
  const sweep = new Sweep({ store, queue, signals, clock, logger, backlog, also })
  return {
    ...{ holds: shared.holds, backlog, sweep, identities, ringer, sender, copies, absence, staleness, dispatch },
    ...{ hooks: shared.hooks },
    ...{ contacts: new Contacts(directory), groups: new Groups(directory), templates: shared.library },
    ...{ routes: shared.routes, rerouting: shared.rerouting },
    intake: new Intake({ ...shared, answers, backlog }),
    reports,
    checks: new StateChecks({
      ...shared,
      ...{ settings: settings.stateChecks, report: (backend, report) => reports.take(backend, report) },
    }),
    running: new RunningParts({
      ...parts,
      toolsOf: (backend, signal) => shared.toolsOf(backend, new Ending(signal)),
    }),
    incoming: new IncomingWorker({
      ...shared,
      ...{ staleness, objections: new Objections(new Brake(settings.brake, logger), staleness) },
      ...{ retry: settings.retry, settled: () => backlog.settled() },
    }),
    outgoing: new OutgoingWorker({ ...shared, expiry: settings.expiry, stopping }),
    means,
    ...assembleCallbacks(parts),
    ...assembleBroadcasts(parts, { ...shared, stopping }),
  }
}

/** What several members are made of. */
function sharedMembers(parts: RouterParts, owner: Owner) {
  const { role, apps, backends, store, queue, signals, clock, newId, logger, settings } = parts
  const isShared = role !== 'alone'
  const identities = new Identities(backends)
  const texts = new OutgoingTexts({ backends, newId, logger })
  const { languages, quietHours } = settings
  const quiet = quietHours === undefined ? undefined : new QuietHours(quietHours)
  const holder = randomUUID()
  const holds = new Holds({ store, queue, signals, backends, clock, logger, timeZone: settings.timeZone, holder })
  const availability = holds
  const routing = new Routing(settings.routing, backends)
  const networks = new Networks(store)
  const routes = new RouteChooser({ routing, availability, networks, identities, languages })
  const failover = new Failover({ backends, availability, texts, newId, attempts: settings.routing.attempts })
  const ringer = new Ringer({ queue, clock, logger })
  const onPaused: Holds['onPaused'] = (backend, listener) => holds.onPaused(backend, listener)
  const waiting = { store, backends, availability, onPaused, failover, ringer, signals, clock, logger }
  const rerouting = routing.isOn ? new Rerouting(waiting) : undefined
  const engine = new TemplateEngine()
  const library = new Templates({ store, engine, fixed: settings.templates, languages, now: () => clock.now() })
  const templates = new TemplateTexts({ templates: library, store, rules: settings.templateRules, languages })
  const absence = new StoreAbsence({ store, queue, clock, logger, isShared, resume: () => owner.takeLanes() })
  return {
    ...{ apps, backends, store, signals, clock, newId, logger, identities, texts, quiet, absence, isShared },
    ...{ engine, library, templates, holds, prices: new Prices(settings.prices) },
    sender: new Sender({ backends, store, templates, identities, texts, routes, quiet, now: () => clock.now(), newId }),
    ...{ ringer, routes, failover, rerouting, networks: routing.asksForNetworks ? networks : undefined },
    calls: new AppCalls(clock, logger, settings.apps),
    hooks: new Hooks({ settings: settings.events, clock, logger }),
    copies: new Copies({ backends, clock, newId, logger }),
    optOuts: new OptOuts({ store, newId, settings: settings.optOut }),
    storeAway: () => absence.noticed(),
  }
}
