import { expect } from 'chai'
import fc from 'fast-check'
import { LaneCache } from '../../../src/store/sqlite/lane-cache.ts'

interface Message {
  readonly seq: number
  readonly text: string
}

const message = (seq: number): Message => ({ seq, text: String(seq) })
const MOST_MESSAGES = 50_000

describe('LaneCache', () => {
  it('knows a lane from its first message on', () => {
    const cache = new LaneCache<Message>()
    expect(cache.first('a', 5)).to.deep.equal([])
    for (const seq of [1, 2, 3]) cache.add('a', message(seq))
    cache.remove('a', 2)
    cache.remove('a', 9)
    cache.remove('unknown', 1)
    expect(cache.first('a', 1)).to.deep.equal([message(1)])
    expect(cache.first('a', 5)).to.deep.equal([message(1), message(3)])
    expect(cache.first('b', 5)).to.deep.equal([])
  })

  it('knows nothing of a lane that it was told to forget, until it has learnt it', () => {
    const cache = new LaneCache<Message>()
    cache.add('a', message(1))
    cache.forget('a')
    cache.add('a', message(2))
    expect(cache.first('a', 5)).to.equal(undefined)
    cache.learn('a', [message(1), message(2)])
    cache.add('a', message(3))
    expect(cache.first('a', 5)).to.deep.equal([1, 2, 3].map(message))
  })

  it('changes a message where it stands, and no other', () => {
    const cache = new LaneCache<Message>()
    for (const seq of [1, 2]) cache.add('a', message(seq))
    const renamed = ({ seq }: Message) => ({ seq, text: 'changed' })
    cache.update('a', 2, renamed)
    cache.update('a', 9, renamed)
    cache.update('unknown', 1, renamed)
    expect(cache.first('a', 5)).to.deep.equal([message(1), { seq: 2, text: 'changed' }])
  })

  it('is bounded: beyond that, lanes are left to the database, and come back', () => {
    const cache = new LaneCache<Message>()
    for (let seq = 0; seq < MOST_MESSAGES; seq++) cache.add('big', message(seq))
    cache.add('other', message(MOST_MESSAGES))
    expect(cache.first('other', 5)).to.equal(undefined)
    expect(cache.first('big', 1)).to.deep.equal([message(0)])
    cache.add('big', message(MOST_MESSAGES + 1))
    expect(cache.first('big', 1)).to.equal(undefined)
    cache.learn('other', [message(MOST_MESSAGES)])
    cache.add('third', message(MOST_MESSAGES + 2))
    expect(cache.first('other', 5)).to.deep.equal([message(MOST_MESSAGES)])
    expect(cache.first('third', 5)).to.deep.equal([message(MOST_MESSAGES + 2)])
  })

  it('never says anything of a lane that the database would not, under any operations', () => {
    const lane = fc.constantFrom('a', 'b', 'c')
    const operation = fc.record({
      kind: fc.constantFrom('add', 'add', 'remove', 'update', 'forget', 'other process', 'claim'),
      lane,
      limit: fc.integer({ min: 1, max: 4 }),
      pick: fc.nat(5),
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const cache = new LaneCache<Message>()
        const database = new Map<string, Message[]>(['a', 'b', 'c'].map((name) => [name, []]))
        let seq = 0
        for (const { kind, lane: name, limit, pick } of operations) {
          const rows = database.get(name) ?? []
          const picked = rows[pick]
          if (kind === 'add') {
            rows.push(message(++seq))
            cache.add(name, message(seq))
          } else if (kind === 'other process') {
            rows.push(message(++seq))
            cache.forget(name)
          } else if (kind === 'forget') {
            cache.forget(name)
          } else if (kind === 'remove' && picked !== undefined) {
            rows.splice(pick, 1)
            cache.remove(name, picked.seq)
          } else if (kind === 'update' && picked !== undefined) {
            rows[pick] = { seq: picked.seq, text: 'changed' }
            cache.update(name, picked.seq, () => ({ seq: picked.seq, text: 'changed' }))
          }
          const known = cache.first(name, limit)
          if (known !== undefined) expect(known).to.deep.equal(rows.slice(0, limit))
          else if (kind === 'claim' && rows.length < limit) cache.learn(name, rows)
        }
      }),
      { numRuns: 300 },
    )
  })
})
