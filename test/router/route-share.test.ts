import { expect } from 'chai'
import fc from 'fast-check'
import { orderOf, type Share } from '../../src/router/route-share.ts'

const PEOPLE = 20_000

const shares: fc.Arbitrary<Share> = fc
  .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), fc.integer({ min: 1, max: 100 })), {
    selector: ([name]) => name,
    minLength: 1,
    maxLength: 5,
  })
  .map((share) => share)

const numberOf = (index: number) => `+2547${String(index).padStart(8, '0')}`

describe('the share of a route', () => {
  it('is the same for the same person always, with a plus before the number and without', () => {
    fc.assert(
      fc.property(shares, fc.stringMatching(/^[1-9]\d{6,14}$/), (share, digits) => {
        const order = orderOf(`+${digits}`, share)
        expect(orderOf(digits, share)).to.deep.equal(order)
        expect(orderOf(digits, share.toReversed())).to.deep.equal(order)
        expect([...order].sort()).to.deep.equal(share.map(([name]) => name).sort())
      }),
    )
  })

  it('moves nobody who is not with the backend that goes', () => {
    fc.assert(
      fc.property(shares, fc.string(), fc.nat(), (share, identity, at) => {
        const [gone] = share[at % share.length] ?? []
        const left = share.filter(([name]) => name !== gone)
        expect(orderOf(identity, left)).to.deep.equal(orderOf(identity, share).filter((name) => name !== gone))
      }),
    )
  })

  it('takes people to a backend alone when its weight grows, and to no other', () => {
    fc.assert(
      fc.property(shares, fc.string(), fc.nat(), (share, identity, at) => {
        const [grown] = share[at % share.length] ?? []
        const before = orderOf(identity, share)[0]
        const after = orderOf(
          identity,
          share.map(([name, weight]) => [name, name === grown ? weight * 2 : weight] as const),
        )[0]
        expect(after === before || after === grown).to.equal(true)
      }),
    )
  })

  for (const share of [
    [
      ['a', 70],
      ['b', 30],
    ],
    [
      ['a', 1],
      ['b', 1],
      ['c', 2],
    ],
    [
      ['a', 0.01],
      ['b', 0.09],
      ['c', 0.9],
    ],
  ] as const satisfies readonly Share[]) {
    it(`comes to its weights over many people: ${share.map((each) => each.join(' ')).join(', ')}`, () => {
      const whole = share.reduce((sum, [, weight]) => sum + weight, 0)
      const counts = new Map<string, number>()
      for (let index = 0; index < PEOPLE; index++) {
        const [first = ''] = orderOf(numberOf(index), share)
        counts.set(first, (counts.get(first) ?? 0) + 1)
      }
      for (const [name, weight] of share) {
        const expected = (PEOPLE * weight) / whole
        // Five standard deviations.
        expect(counts.get(name) ?? 0).to.be.closeTo(expected, 5 * Math.sqrt(expected))
      }
    })
  }
})
