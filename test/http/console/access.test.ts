import { expect } from 'chai'
import { Access, KEY_LIFE_MS, SESSION_LIFE_MS } from '../../../src/http/console/access.ts'
import { FakeClock } from '../../support/fake-clock.ts'

describe('access to the console', () => {
  function enter(access: Access, key = access.newKey()): string {
    return access.enter(key) ?? expect.fail('the key did not serve')
  }

  it('exchanges a key for a session once', () => {
    const access = new Access(new FakeClock())
    const key = access.newKey()
    const session = enter(access, key)
    expect(access.isIn(session)).to.equal(true)
    expect(access.enter(key)).to.equal(undefined)
    expect(access.isIn(key)).to.equal(false)
    expect(session)
      .to.match(/^[\w-]{32}$/)
      .and.not.equal(key)
  })

  it('knows no key and no session that it did not make', () => {
    const access = new Access(new FakeClock())
    access.newKey()
    for (const text of ['', 'x', 'undefined', '__proto__']) {
      expect(access.enter(text)).to.equal(undefined)
      expect(access.isIn(text)).to.equal(false)
    }
    expect(access.isIn(undefined)).to.equal(false)
  })

  it('ends a key that nobody used for an hour', () => {
    const clock = new FakeClock()
    const access = new Access(clock)
    const [early, late] = [access.newKey(), access.newKey()]
    clock.jump(clock.now() + KEY_LIFE_MS - 1)
    expect(access.enter(early)).to.be.a('string')
    clock.jump(clock.now() + 1)
    expect(access.enter(late)).to.equal(undefined)
  })

  it('ends a session after a working day', () => {
    const clock = new FakeClock()
    const access = new Access(clock)
    const session = enter(access)
    clock.jump(clock.now() + SESSION_LIFE_MS - 1)
    expect(access.isIn(session)).to.equal(true)
    clock.jump(clock.now() + 1)
    expect(access.isIn(session)).to.equal(false)
  })

  it('keeps the newest keys where many are made', () => {
    const access = new Access(new FakeClock())
    const keys = Array.from({ length: 25 }, () => access.newKey())
    expect(new Set(keys).size).to.equal(25)
    expect(keys.map((key) => access.enter(key) !== undefined)).to.deep.equal([
      ...Array(5).fill(false),
      ...Array(20).fill(true),
    ])
  })
})
