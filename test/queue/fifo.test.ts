import { expect } from 'chai'
import fc from 'fast-check'
import { Fifo } from '../../src/queue/fifo.ts'

describe('Fifo', () => {
  it('is an array with push and shift', () => {
    const operations = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('push' as const), count: fc.integer({ min: 1, max: 1_500 }) }),
        fc.record({ kind: fc.constant('shift' as const), count: fc.integer({ min: 1, max: 1_500 }) }),
      ),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(operations, (steps) => {
        const fifo = new Fifo<number>()
        const model: number[] = []
        let next = 0
        for (const { kind, count } of steps) {
          for (let step = 0; step < count; step++) {
            if (kind === 'push') {
              fifo.push(next)
              model.push(next++)
            } else if (fifo.shift() !== model.shift()) {
              throw new Error('another item came')
            }
          }
          expect(fifo.length).to.equal(model.length)
        }
      }),
      { numRuns: 100 },
    )
  })
})
