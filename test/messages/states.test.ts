import { expect } from 'chai'
import fc from 'fast-check'
import { isFinal, type OutgoingState, outgoingStates, type Standing, transition } from '../../src/messages/states.ts'

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

describe('isFinal', () => {
  it('is true of what nothing but a correction can follow', () => {
    expect(outgoingStates.filter(isFinal)).to.deep.equal(['DELIVERED', 'ERROR', 'UNKNOWN', 'DEBUG', 'CANCELLED'])
  })
})
