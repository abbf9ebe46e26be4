import { expect } from 'chai'
import fc from 'fast-check'
import { type Lane, laneKey, messageClasses, parseLaneKey } from '../../src/messages/lane.ts'

// Names of backends have no blanks (see the settings); identities are whatever comes in.
const owner = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,5}$/)
const identity = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('', '\n', 'bulk\n1', 'a\nb', 'reply', '__proto__'),
)
const lane: fc.Arbitrary<Lane> = fc.oneof(
  fc.record({ kind: fc.constant('incoming' as const), owner, identity }),
  fc.record({ kind: fc.constant('outgoing' as const), owner, identity, class: fc.constantFrom(...messageClasses) }),
)
const whole = (one: Lane) => JSON.stringify({ ...one, identity: one.identity.toWellFormed() })

describe('laneKey', () => {
  it('names one lane and no other', () => {
    fc.assert(
      fc.property(lane, lane, (a, b) => {
        const sorted = (one: Lane) => JSON.stringify(Object.entries(JSON.parse(whole(one))).sort())
        expect(laneKey(a) === laneKey(b)).to.equal(sorted(a) === sorted(b))
      }),
      { numRuns: 500 },
    )
    const near: Lane[] = [
      { kind: 'incoming', owner: 'a', identity: '1' },
      { kind: 'incoming', owner: 'a1', identity: '' },
      ...messageClasses.map((name) => ({ kind: 'outgoing', owner: 'a', identity: '1', class: name }) as const),
      { kind: 'outgoing', owner: 'a', identity: 'bulk\n1', class: 'bulk' },
      { kind: 'incoming', owner: 'a', identity: 'bulk\n1' },
    ]
    expect(new Set(near.map(laneKey)).size).to.equal(near.length)
  })

  it('is the same for an identity with half a surrogate pair and for what stores make of it', () => {
    const key = laneKey({ kind: 'incoming', owner: 'a', identity: '\ud83d' })
    expect(key).to.equal(laneKey({ kind: 'incoming', owner: 'a', identity: '\ufffd' }))
    expect(key.isWellFormed()).to.equal(true)
  })
})

describe('parseLaneKey', () => {
  it('gives the lane that the key was made of', () => {
    fc.assert(
      fc.property(lane, (one) => {
        const wellFormed = { ...one, identity: one.identity.toWellFormed() }
        expect(parseLaneKey(laneKey(one))).to.deep.equal(wellFormed)
      }),
    )
  })

  it('gives nothing for what names no lane', () => {
    for (const key of ['', 'incoming', 'incoming\na', 'outgoing\na\nbulk', 'other\na\nb\nc', 'x']) {
      expect(parseLaneKey(key), JSON.stringify(key)).to.equal(undefined)
    }
  })
})
