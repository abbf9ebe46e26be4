import { expect } from 'chai'
import fc from 'fast-check'
import {
  isFinal,
  joinedState,
  type OutgoingState,
  outgoingStates,
  partState,
  type Standing,
  transition,
} from '../../src/messages/states.ts'

const PROGRESS: Record<OutgoingState, number> = {
  WAITING: 0,
  SENDING: 1,
  SENT: 2,
  DELIVERED: 3,
  ERROR: 3,
  UNKNOWN: 3,
  DEBUG: 3,
  CANCELLED: 3,
}

const standing: fc.Arbitrary<Standing> = fc.oneof(
  fc.constantFrom(...outgoingStates).map((state) => ({ state })),
  fc.constant({ state: 'ERROR', timedOut: true } as const),
)
const isCorrected = ({ state, timedOut }: Standing) => state === 'UNKNOWN' || (state === 'ERROR' && timedOut === true)
const run = (from: Standing, reports: readonly Standing[]) => reports.reduce(transition, from)

describe('transition', () => {
  it('never moves a message back, whatever is reported in whatever order', () => {
    fc.assert(
      fc.property(standing, fc.array(standing, { maxLength: 12 }), (from, reports) => {
        let current = from
        for (const report of reports) {
          const next = transition(current, report)
          expect(PROGRESS[next.state]).to.be.at.least(PROGRESS[current.state])
          expect([current, report]).to.deep.include(next)
          current = next
        }
      }),
    )
  })

  it('lets the first final state win, but for DELIVERED over UNKNOWN and over our own time-out', () => {
    fc.assert(
      fc.property(standing, fc.array(standing, { maxLength: 12 }), (from, reports) => {
        const all = [from, ...reports]
        const index = all.findIndex(({ state }) => isFinal(state))
        const final = all[index]
        const end = run(from, reports)
        if (final === undefined) {
          expect(isFinal(end.state)).to.equal(false)
          return
        }
        const delivered = all.slice(index + 1).some(({ state }) => state === 'DELIVERED')
        expect(end.state).to.equal(isCorrected(final) && delivered ? 'DELIVERED' : final.state)
      }),
    )
  })

  it('does not care how often something is reported', () => {
    fc.assert(
      fc.property(standing, standing, (from, report) => {
        const once = transition(from, report)
        expect(transition(once, report)).to.deep.equal(once)
      }),
    )
  })

  it('ends with DELIVERED for any order of the reports of a message that arrived', () => {
    const reports = (['SENDING', 'SENT', 'DELIVERED', 'SENT'] as const).map((state) => ({ state }))
    fc.assert(
      fc.property(fc.shuffledSubarray(reports, { minLength: reports.length }), (order) => {
        expect(run({ state: 'WAITING' }, order).state).to.equal('DELIVERED')
      }),
    )
  })

  const rows: readonly (readonly [Standing, Standing, Standing])[] = [
    [{ state: 'UNKNOWN' }, { state: 'DELIVERED' }, { state: 'DELIVERED' }],
    [{ state: 'UNKNOWN' }, { state: 'ERROR' }, { state: 'UNKNOWN' }],
    [{ state: 'ERROR', timedOut: true }, { state: 'DELIVERED' }, { state: 'DELIVERED' }],
    [{ state: 'ERROR', timedOut: true }, { state: 'SENT' }, { state: 'ERROR', timedOut: true }],
    [{ state: 'ERROR', timedOut: true }, { state: 'ERROR' }, { state: 'ERROR', timedOut: true }],
    [{ state: 'ERROR' }, { state: 'DELIVERED' }, { state: 'ERROR' }],
    [{ state: 'SENT' }, { state: 'ERROR', timedOut: true }, { state: 'ERROR', timedOut: true }],
    [{ state: 'CANCELLED' }, { state: 'DELIVERED' }, { state: 'CANCELLED' }],
    [{ state: 'DEBUG' }, { state: 'DELIVERED' }, { state: 'DEBUG' }],
  ]
  for (const [current, next, then] of rows) {
    const name = ({ state, timedOut }: Standing) => (timedOut === true ? `${state} by our time-out` : state)
    it(`${name(next)} over ${name(current)}: ${name(then)}`, () => {
      expect(transition(current, next)).to.deep.equal(then)
    })
  }
})

describe('joinedState', () => {
  const rows: readonly (readonly [readonly (OutgoingState | null)[], OutgoingState])[] = [
    [['DELIVERED', 'DELIVERED'], 'DELIVERED'],
    [['DELIVERED', null], 'SENT'],
    [['DELIVERED', 'SENT'], 'SENT'],
    [['SENT', 'ERROR', null], 'ERROR'],
    [['ERROR', 'UNKNOWN'], 'ERROR'],
    [['DELIVERED', 'UNKNOWN'], 'UNKNOWN'],
    [['SENDING', 'UNKNOWN'], 'SENT'],
    [[], 'SENT'],
  ]
  for (const [parts, state] of rows) {
    it(`${parts.map((part) => part ?? 'nothing').join(', ') || 'no parts'}: ${state}`, () => {
      expect(joinedState(parts)).to.equal(state)
    })
  }

  /** What all reports of parts come to, each applied to its part and then to the message. */
  const told = (count: number, reports: readonly { readonly part: number; readonly state: OutgoingState }[]) => {
    const parts: (OutgoingState | null)[] = Array(count).fill(null)
    let message: Standing = { state: 'SENT' }
    for (const { part, state } of reports) {
      parts[part] = partState(parts[part] ?? null, state)
      message = transition(message, { state: joinedState(parts) })
    }
    return message.state
  }
  const onePart = fc.tuple(
    fc.subarray<OutgoingState>(['SENDING', 'SENT']),
    fc.constantFrom<OutgoingState | null>('DELIVERED', 'DELIVERED', 'ERROR', 'UNKNOWN', null),
  )

  it('comes to the same in any order of the reports, however often each is repeated', () => {
    const orders = fc.array(onePart, { minLength: 1, maxLength: 5 }).chain((parts) => {
      const reports = parts.flatMap(([before, last], part) =>
        [...before, ...(last === null ? [] : [last])].map((state) => ({ part, state })),
      )
      const doubled = [...reports, ...reports]
      return fc.tuple(fc.constant(parts), fc.shuffledSubarray(doubled, { minLength: doubled.length }))
    })
    fc.assert(
      fc.property(orders, ([parts, reports]) => {
        expect(told(parts.length, reports)).to.equal(joinedState(parts.map(([, last]) => last)))
      }),
    )
  })

  it('lets a part that was not known be delivered after all', () => {
    const reports = [
      { part: 0, state: 'UNKNOWN' },
      { part: 1, state: 'DELIVERED' },
      { part: 0, state: 'DELIVERED' },
    ] as const
    expect(told(2, reports)).to.equal('DELIVERED')
  })
})

describe('isFinal', () => {
  it('is true of what nothing but a correction can follow', () => {
    expect(outgoingStates.filter(isFinal)).to.deep.equal(['DELIVERED', 'ERROR', 'UNKNOWN', 'DEBUG', 'CANCELLED'])
  })
})
