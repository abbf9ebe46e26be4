import { expect } from 'chai'
import fc from 'fast-check'
import { uuidv7Generator } from '../../src/messages/ids.ts'
import { FakeClock } from '../support/fake-clock.ts'

const UUIDV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const timeOf = (id: string) => Number.parseInt(id.slice(0, 13).replace('-', ''), 16)

describe('uuidv7Generator', () => {
  it('writes UUIDs of version 7 with the time in front', () => {
    const clock = new FakeClock(0x018bcfe56800)
    const newId = uuidv7Generator(clock)
    for (let made = 0; made < 1_000; made++) expect(newId()).to.match(UUIDV7)
    clock.jump(0x018bcfe56801)
    expect(newId().slice(0, 15)).to.equal('018bcfe5-6801-7')
  })

  it('sets version and variant whatever chance gives', () => {
    for (const byte of [0x00, 0xff, 0xaa]) {
      const newId = uuidv7Generator(new FakeClock(), (bytes) => bytes.fill(byte))
      expect(newId()).to.match(UUIDV7)
    }
  })

  it('makes ids that sort in the order they were made, at any rate and with any clock', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 300 })), {
      maxLength: 40,
    })
    fc.assert(
      fc.property(steps, (jumps) => {
        const clock = new FakeClock()
        const newId = uuidv7Generator(clock)
        const ids: string[] = []
        for (const [jump, count] of jumps) {
          clock.jump(clock.now() + jump)
          for (let made = 0; made < count; made++) ids.push(newId())
        }
        expect(ids).to.deep.equal([...new Set(ids)].sort())
      }),
      { numRuns: 30 },
    )
  })

  it('goes into the next millisecond when the counter of one is used up', () => {
    const clock = new FakeClock()
    const newId = uuidv7Generator(clock)
    const ids = Array.from({ length: 20_000 }, newId)
    expect(ids).to.deep.equal([...new Set(ids)].sort())
    expect(timeOf(ids[0] ?? '')).to.equal(clock.now())
    expect(timeOf(ids.at(-1) ?? '')).to.be.within(clock.now() + 4, clock.now() + 5)
  })

  it('keeps to its last time while the clock is behind it, and follows the clock again after', () => {
    const clock = new FakeClock()
    const start = clock.now()
    const newId = uuidv7Generator(clock)
    const before = newId()
    clock.jump(start - 3_600_000)
    const behind = newId()
    expect(timeOf(behind)).to.equal(start)
    expect(behind > before).to.equal(true)
    clock.jump(start + 1)
    expect(timeOf(newId())).to.equal(start + 1)
  })

  it('does not repeat the random part', () => {
    const newId = uuidv7Generator(new FakeClock())
    const tails = Array.from({ length: 2_000 }, () => newId().slice(19))
    expect(new Set(tails).size).to.equal(tails.length)
  })
})
