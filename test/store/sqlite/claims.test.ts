import { expect } from 'chai'
import fc from 'fast-check'
import { laneKey } from '../../../src/messages/lane.ts'
import { SqliteSession } from '../../../src/store/sqlite/session.ts'
import type { SqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import { type SqliteFile, sqliteFile } from '../../support/sqlite-store.ts'
import {
  finished,
  incomingLane,
  incomingRow,
  NOW,
  outgoingLane,
  outgoingRow,
  reportRow,
  sent,
  T0,
} from '../../support/store-rows.ts'

const OPERATIONS = [
  'receive',
  'send',
  'schedule',
  'process',
  'retry phases',
  'fail phases',
  'begin',
  'deliver',
  'retry',
  'give up',
  'answer',
  'report',
  'replay',
  'stale',
  'move',
  'move what waits',
] as const

describe('claims through the caches', () => {
  let file: SqliteFile

  beforeEach(() => {
    file = sqliteFile()
  })

  afterEach(() => file.remove())

  it('equal claims from the database, under any operations', async function () {
    this.timeout(30_000)
    const store = await file.open()
    const outside = file.outside()
    const fresh = () => new SqliteSession(outside, ':memory:', 'command')
    const operation = fc.record({
      kind: fc.constantFrom(...OPERATIONS),
      identity: fc.constantFrom('1', '2'),
      limit: fc.integer({ min: 1, max: 3 }),
    })
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 30 }), async (operations) => {
        const owner = `gateway${round++}`
        for (const { kind, identity, limit } of operations) {
          await act(store, kind, owner, identity)
          const [incoming, outgoing] = [incomingLane(identity, owner), outgoingLane(identity, owner)]
          const claims = [
            await store.claimIncoming(incoming, limit),
            await store.claimOutgoing(outgoing, limit, T0 + 7),
          ] as const
          const { incoming: rows, outgoing: sends } = fresh()
          const plain = (claim: { readonly messages: readonly object[] }) =>
            claim.messages.map((message) => {
              const { contact, optedOut, timeZone, ...rest } = message as Record<string, unknown>
              return rest
            })
          expect(plain(claims[0])).to.deep.equal(rows.open(incoming, limit))
          expect(plain(claims[1])).to.deep.equal(sends.workable(outgoing, limit, T0 + 7))
          if (claims[1].messages.every(({ notBefore }) => notBefore > T0 + 7)) {
            expect(claims[1].dueAt).to.equal(sends.dueAt(outgoing))
          }
          expect(claims[0].fence.lane).to.equal(laneKey(incoming))
        }
      }),
      { numRuns: 25 },
    )
  })
})

async function act(store: SqliteStore, kind: (typeof OPERATIONS)[number], owner: string, identity: string) {
  const incoming = await store.claimIncoming(incomingLane(identity, owner), 1)
  const outgoing = await store.claimOutgoing(outgoingLane(identity, owner), 1, NOW)
  const received = incoming.messages[0]
  const waiting = outgoing.messages[0]
  const finish = async (outcome: Parameters<typeof sent>[2]) => {
    if (waiting === undefined) return
    await store.startAttempts([{ fence: outgoing.fence, message: waiting, at: T0 }])
    await store.finishAttempts([sent(outgoing.fence, waiting, outcome)])
  }
  switch (kind) {
    case 'receive':
      await store.recordIncoming([incomingRow({ backend: owner, identity, fields: { a: [1] } })])
      return
    case 'send':
      await store.recordOutgoing([outgoingRow({ backend: owner, identity, params: { b: 1 } })])
      return
    case 'schedule':
      await store.recordOutgoing([outgoingRow({ backend: owner, identity, notBefore: T0 + 8 })])
      return
    case 'process':
    case 'retry phases':
    case 'fail phases': {
      if (received === undefined) return
      const outcome = {
        process: { kind: 'processed', handledBy: null },
        'retry phases': { kind: 'retry', at: T0 + 5, error: 'x' },
        'fail phases': { kind: 'failed', error: 'x' },
      } as const
      const answer = outgoingRow({ backend: owner, identity, inResponseTo: { id: received.id, externalId: null } })
      const result = { outcome: outcome[kind], outgoing: kind === 'process' ? [answer] : [] }
      await store.finishIncoming([finished(incoming.fence, received, result)])
      return
    }
    case 'begin':
      if (waiting === undefined) return
      await store.startAttempts([{ fence: outgoing.fence, message: waiting, text: 'changed', parts: 2, at: T0 }])
      return
    case 'deliver':
      return finish({ externalIds: [`${owner}-${identity}`] })
    case 'retry':
      return finish({ outcome: { kind: 'retry', at: T0 + 9 }, externalIds: [`${owner}-${identity}`] })
    case 'give up':
      return finish({ outcome: { kind: 'settled', state: 'ERROR' }, externalIds: [`${owner}-${identity}`] })
    case 'answer':
      if (waiting !== undefined) await store.settleAnswered([waiting.id], T0)
      return
    case 'report':
      await store.recordReports([reportRow({ backend: owner, externalId: `${owner}-${identity}` })])
      return
    case 'replay': {
      const failed = (['in', 'out'] as const).map((direction) =>
        store.log.failed({ direction, backend: owner, limit: 5 }),
      )
      await store.replay(
        (await Promise.all(failed)).flat().map(({ id }) => id),
        T0,
      )
      return
    }
    case 'move':
    case 'move what waits': {
      if (waiting === undefined) return
      const to = { backend: owner, identity: identity === '1' ? '2' : '1', address: null }
      const outcome = { kind: 'moved', to, text: 'moved', parts: 1, at: T0 + 6 } as const
      if (kind === 'move') return finish({ outcome })
      await store.routes.move([sent(outgoing.fence, waiting, { startedAt: null, outcome })])
      return
    }
    case 'stale': {
      const fence = { ...outgoing.fence, token: outgoing.fence.token - 1 }
      if (waiting !== undefined) await store.finishAttempts([sent(fence, waiting)]).catch(() => {})
      return
    }
  }
}
