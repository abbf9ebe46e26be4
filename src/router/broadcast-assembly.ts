import { BroadcastExpansion } from './broadcast-expansion.ts'
import { BroadcastRunner } from './broadcast-runner.ts'
import { BroadcastSource } from './broadcast-source.ts'
import { BroadcastTaking } from './broadcast-taking.ts'
import { Broadcasts } from './broadcasts.ts'
import type { Identities } from './identities.ts'
import type { OutgoingTexts } from './outgoing-texts.ts'
import type { QuietHours } from './quiet-hours.ts'
import { RememberedTemplates } from './remembered-templates.ts'
import type { Ringer } from './ring.ts'
import type { RouteChooser } from './route-chooser.ts'
import type { RouterParts } from './router-parts.ts'
import { Routing } from './routing.ts'
import { Sender } from './send.ts'
import type { TemplateEngine } from './template-engine.ts'
import { TemplateTexts } from './template-texts.ts'

export interface BroadcastMembers {
  readonly identities: Identities
  readonly texts: OutgoingTexts
  readonly routes: RouteChooser
  readonly quiet: QuietHours | undefined
  readonly engine: TemplateEngine
  readonly ringer: Ringer
  readonly stopping: () => AbortSignal
}

/** Joins what broadcasts are made of. Nothing is started. */
export function assembleBroadcasts(parts: RouterParts, members: BroadcastMembers) {
  const { backends, store, signals, clock, newId, logger, settings } = parts
  const { identities, texts, routes, quiet, engine, ringer, stopping } = members
  const { languages, templates: fixed, templateRules: rules } = settings
  const now = () => clock.now()
  const library = new RememberedTemplates({ store, engine, fixed, languages, now })
  const templates = new TemplateTexts({ templates: library, store, rules, languages })
  const sender = new Sender({ backends, store, templates, identities, texts, routes, quiet, now, newId })
  const routing = new Routing(settings.routing, backends)
  const source = new BroadcastSource({
    ...{ backends, store, identities },
    defaultBackend: () => routes.default,
    isRouted: () => routing.isOn,
  })
  const taking = new BroadcastTaking({ store, source, clock, newId, logger, stopping })
  const expansion = new BroadcastExpansion({ store, sender, ringer, signals, texts: engine, clock })
  return {
    broadcasts: new Broadcasts({ store, texts: engine, source, taking, templates: library, signals, clock, newId }),
    broadcastRunner: new BroadcastRunner({ store, expansion, ringer, signals, clock, newId, logger }),
  }
}
