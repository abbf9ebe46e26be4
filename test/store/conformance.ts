import type { Fence } from '../../src/store/fence.ts'
import type { Store } from '../../src/store/store.ts'
import { describeBroadcasts } from './conformance/broadcasts.ts'
import { describeCallbackDeliveries } from './conformance/callback-deliveries.ts'
import { describeCallbacks } from './conformance/callbacks.ts'
import { describeDirectory } from './conformance/directory.ts'
import { describeHostileTexts } from './conformance/hostile.ts'
import { describeIncoming } from './conformance/incoming.ts'
import { describeIncomingResults } from './conformance/incoming-results.ts'
import { describeKeyed } from './conformance/keyed.ts'
import { describeLanes } from './conformance/lanes.ts'
import { describeListing } from './conformance/listing.ts'
import { describeLog } from './conformance/log.ts'
import { describeMoves } from './conformance/moves.ts'
import { describeOutbox } from './conformance/outbox.ts'
import { describeOutgoing } from './conformance/outgoing.ts'
import { describeParts } from './conformance/parts.ts'
import { describePeople } from './conformance/people.ts'
import { describePurge } from './conformance/purge.ts'
import { describeReportMatching } from './conformance/report-matching.ts'
import { describeReports } from './conformance/reports.ts'
import { describeRoutes } from './conformance/routes.ts'
import { describeStateChecks } from './conformance/state-checks.ts'
import { describeTemplates } from './conformance/templates.ts'
import { describeTrouble } from './conformance/trouble.ts'

/** One store to be tried, fresh and open. */
export interface StoreHarness {
  readonly store: Store
  /** A fence of the same lane that somebody else has overtaken since. */
  staleFence(fence: Fence): Fence | Promise<Fence>
  /** Closes the store and opens another over the same data, as a restart does. */
  reopen(): Promise<Store>
  close(): Promise<void>
}

/** What a store may be unable to show. */
export type Exception = 'reopen' | 'nul' | 'limit'

/** What the parts of the suite work with. */
export interface StoreKit {
  /** The store of the running test. */
  readonly store: Store
  readonly harness: StoreHarness
  /** A test that a store may be excepted from, visibly and with its reason. */
  itUnless(exception: Exception, title: string, test: () => Promise<void>): void
}

/**
 * What every store keeps to.
 * @param makeStore opens a fresh store for each test
 * @param exceptions what this store cannot do, with the reason
 */
export function describeStore(
  name: string,
  makeStore: () => Promise<StoreHarness>,
  exceptions: Partial<Record<Exception, string>> = {},
): void {
  describe(`${name}, as a store`, () => {
    const current: { harness?: StoreHarness } = {}
    const kit: StoreKit = {
      get harness() {
        if (current.harness === undefined) throw new Error('no test is running')
        return current.harness
      },
      get store() {
        return this.harness.store
      },
      itUnless(exception, title, test) {
        const reason = exceptions[exception]
        if (reason === undefined) it(title, test)
        else it(`${title} [skipped: ${reason}]`)
      },
    }

    beforeEach(async () => {
      current.harness = await makeStore()
    })

    afterEach(async () => {
      await current.harness?.close()
      delete current.harness
    })

    describeIncoming(kit)
    describeIncomingResults(kit)
    describeOutgoing(kit)
    describeMoves(kit)
    describeRoutes(kit)
    describeReports(kit)
    describeTrouble(kit)
    describeReportMatching(kit)
    describeStateChecks(kit)
    describeLanes(kit)
    describePeople(kit)
    describeDirectory(kit)
    describeParts(kit)
    describeOutbox(kit)
    describeBroadcasts(kit)
    describeCallbacks(kit)
    describeCallbackDeliveries(kit)
    describeKeyed(kit)
    describeLog(kit)
    describeListing(kit)
    describePurge(kit)
    describeTemplates(kit)
    describeHostileTexts(kit)
  })
}
