import { expect } from 'chai'
import fc from 'fast-check'
import { backoffDelay } from '../../src/router/retry.ts'

describe('backoffDelay', () => {
  const backoff = { firstDelay: 1_000, longestDelay: 60_000 }

  it('doubles from the first delay up to the longest, between half and the whole by chance', () => {
    const wholes = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
    wholes.forEach((whole, index) => {
      expect(backoffDelay(index + 1, backoff, () => 0)).to.equal(whole / 2)
      expect(backoffDelay(index + 1, backoff, () => 0.5)).to.equal(whole * 0.75)
      expect(backoffDelay(index + 1, backoff, () => 1)).to.equal(whole)
    })
  })

  it('stays within its bounds for every count of failures, delay and chance', () => {
    const inputs = fc.record({
      failures: fc.integer({ min: 1, max: 1_000_000 }),
      firstDelay: fc.integer({ min: 1, max: 100_000 }),
      longestDelay: fc.integer({ min: 1, max: 100_000_000 }),
      random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    })
    fc.assert(
      fc.property(inputs, ({ failures, firstDelay, longestDelay, random }) => {
        const delay = backoffDelay(failures, { firstDelay, longestDelay }, () => random)
        expect(Number.isInteger(delay)).to.equal(true)
        expect(delay).to.be.at.most(longestDelay)
        expect(delay).to.be.at.least(Math.min(firstDelay, longestDelay) / 2)
      }),
    )
  })

  it('takes chance from the machine by default: what failed together does not come back together', () => {
    const delays = new Set(Array.from({ length: 50 }, () => backoffDelay(6, backoff)))
    expect(delays.size).to.be.greaterThan(10)
  })
})
