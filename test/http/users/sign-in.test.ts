import { expect } from 'chai'
import { MemoryLimiter } from '../../../src/http/limits.ts'
import { hashKey } from '../../../src/http/users/password-hash.ts'
import type { UsersSettings } from '../../../src/http/users/settings.ts'
import { type SignIn, SignIns } from '../../../src/http/users/sign-in.ts'
import { basic, cheapHash } from '../../support/api.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { until } from '../../support/until.ts'

const KEY = 'swb_key'
const users: UsersSettings = {
  ann: { role: 'admin', password: cheapHash('ann-password'), keys: [] },
  program: { role: 'sender', keys: [hashKey(KEY)] },
}

describe('signing in', () => {
  let clock: FakeClock
  let signIns: SignIns

  beforeEach(() => {
    clock = new FakeClock()
    const failures = { name: 'failures', amount: 3, per: 60_000 }
    signIns = new SignIns({ users, limiter: new MemoryLimiter(clock), clock, failures })
  })

  const ask = (name: string, password?: string, ip = '192.0.2.1') => signIns.of(basic(name, password).Authorization, ip)
  const kinds = (found: readonly SignIn[]) => found.map(({ kind }) => kind)

  it('tells who it is', async () => {
    expect(await ask('ann')).to.deep.equal({ kind: 'user', user: { name: 'ann', role: 'admin', backends: undefined } })
    expect(await signIns.of(`Bearer ${KEY}`, '192.0.2.1')).to.deep.include({ kind: 'user' })
  })

  it('takes the scheme in any case, and a colon within a password', async () => {
    expect((await signIns.of(basic('ann').Authorization.replace('Basic', 'BASIC'), 'x')).kind).to.equal('user')
    const other: UsersSettings = { bob: { role: 'reader', password: cheapHash('a:b:'), keys: [] } }
    const limit = { name: 'failures', amount: 0, per: 1_000 }
    const withColon = new SignIns({ users: other, limiter: new MemoryLimiter(clock), clock, failures: limit })
    expect((await withColon.of(basic('bob', 'a:b:').Authorization, 'x')).kind).to.equal('user')
    expect((await withColon.of(basic('bob', 'a').Authorization, 'x')).kind).to.equal('refused')
  })

  it('ends the tries of a client that has failed too often, and of no other', async () => {
    const failed: SignIn[] = []
    for (let index = 0; index < 5; index++) failed.push(await ask(`user${index}`, 'wrong'))
    expect(kinds(failed)).to.deep.equal(['refused', 'refused', 'refused', 'limited', 'limited'])
    expect((await ask('ann')).kind).to.equal('limited')
    expect((await ask('ann', undefined, '192.0.2.2')).kind).to.equal('user')
    await clock.advance(60_001)
    expect((await ask('ann')).kind).to.equal('user')
  })

  it('holds up nobody who was known, and no key, for what others at the same address do', async () => {
    expect((await ask('ann')).kind).to.equal('user')
    for (let index = 0; index < 5; index++) await ask('ann', `wrong ${index}`)
    expect((await ask('ann')).kind).to.equal('user')
    expect((await signIns.of(`Bearer ${KEY}`, '192.0.2.1')).kind).to.equal('user')
    expect((await ask('ann', 'wrong')).kind).to.equal('limited')
  })

  it('forgets two minutes after its last use that a password was right', async () => {
    await ask('ann')
    for (let index = 0; index < 5; index++) await ask('ann', `wrong ${index}`)
    for (let times = 0; times < 3; times++) {
      await clock.advance(119_000)
      for (let index = 0; index < 5; index++) await ask('ann', `wrong ${times} ${index}`)
      expect((await ask('ann')).kind).to.equal('user')
    }
    await clock.advance(121_000)
    for (let index = 0; index < 5; index++) await ask('ann', `wrong ${index}`)
    expect((await ask('ann')).kind).to.equal('limited')
  })

  it('counts wrong keys as well', async () => {
    const found: SignIn[] = []
    for (let index = 0; index < 4; index++) found.push(await signIns.of(`Bearer swb_${index}`, '192.0.2.1'))
    expect(kinds(found)).to.deep.equal(['refused', 'refused', 'refused', 'limited'])
  })

  it('checks few passwords of a client at a time, and equal ones once', async () => {
    const many = await Promise.all(Array.from({ length: 30 }, (_, index) => ask(`user${index}`, 'wrong')))
    expect(kinds(many).filter((kind) => kind === 'busy')).to.have.length(26)
    const same = await Promise.all(Array.from({ length: 100 }, () => ask('ann', undefined, '192.0.2.3')))
    expect(new Set(kinds(same))).to.deep.equal(new Set(['user']))
  })

  describe('from a thousand addresses at once', () => {
    const ADDRESSES = 1_000
    const attack = { stopped: false, failed: 0 }
    let attacking: Promise<unknown>

    beforeEach(() => {
      const failures = { name: 'failures', amount: 20, per: 300_000 }
      signIns = new SignIns({ users, limiter: new MemoryLimiter(clock), clock, failures })
      Object.assign(attack, { stopped: false, failed: 0 })
    })
    afterEach(async () => {
      attack.stopped = true
      await attacking
    })

    const nextTurn = () => new Promise((resolve) => setImmediate(resolve))
    const begin = () => {
      const guess = async (times: number) => {
        const of = times % ADDRESSES
        const { kind } = await ask('ann', `wrong ${times}`, `198.18.${of >> 8}.${of & 255}`)
        if (kind === 'refused') attack.failed++
      }
      const flood = async () => {
        for (let times = 0; !attack.stopped; times += 50) {
          for (let index = 0; index < 50; index++) void guess(times + index)
          await nextTurn()
        }
      }
      attacking = flood()
    }

    it('nobody is kept from signing in who has signed in before', async () => {
      expect((await ask('ann')).kind).to.equal('user')
      await clock.advance(3_600_000)
      begin()
      await until('the queue is full', () => attack.failed > 10)
      const before = attack.failed
      expect((await ask('ann')).kind).to.equal('user')
      // The one that was being checked, and what ended in the same turn.
      expect(attack.failed - before).to.be.at.most(4)
      for (let times = 0; times < 20; times++) expect((await ask('ann')).kind).to.equal('user')
    })

    it('who comes from a new address waits until each has failed once, at the most', async function () {
      this.timeout(60_000)
      begin()
      await until('the queue is full', () => attack.failed > 10)
      let kind = 'busy'
      while (kind === 'busy') {
        kind = (await ask('ann', undefined, '203.0.113.1')).kind
        await nextTurn()
      }
      expect(kind).to.equal('user')
      expect(attack.failed).to.be.at.most(ADDRESSES + 40)
      const before = attack.failed
      await clock.advance(121_000)
      expect((await ask('ann', undefined, '203.0.113.1')).kind).to.equal('user')
      expect(attack.failed - before).to.be.at.most(4)
    })

    it('a new address has its turn at once when the others have failed', async () => {
      begin()
      await until('all have failed', () => attack.failed > ADDRESSES + 40, 30_000)
      const before = attack.failed
      expect((await ask('ann', undefined, '203.0.113.2')).kind).to.equal('user')
      expect(attack.failed - before).to.be.at.most(4)
    }).timeout(60_000)
  })

  it('takes as long for who is not known as for who is', async () => {
    const slow: UsersSettings = {
      ann: { role: 'admin', password: cheapHash('x').replace('p=1', 'p=16').replace('r=1', 'r=8'), keys: [] },
    }
    const failures = { name: 'failures', amount: 0, per: 1_000 }
    const timed = new SignIns({ users: slow, limiter: new MemoryLimiter(clock), clock, failures })
    const time = async (name: string) => {
      const times: number[] = []
      for (let index = 0; index < 9; index++) {
        const began = performance.now()
        await timed.of(basic(name, `wrong ${index}`).Authorization, 'x')
        times.push(performance.now() - began)
      }
      return times.sort((a, b) => a - b)[4] ?? Number.NaN
    }
    await time('warm-up')
    const [known, unknown] = [await time('ann'), await time('eve')]
    expect(unknown / known).to.be.within(0.3, 3)
  })

  for (const header of [
    '',
    'Basic',
    'Basic ',
    'Basic ====',
    'Bearer',
    'Bearer \u00e9',
    'Digest x',
    `Basic ${'A'.repeat(5_000)}`,
  ]) {
    it(`refuses ${JSON.stringify(header.slice(0, 20))}`, async () => {
      expect((await signIns.of(header, 'x')).kind).to.equal('refused')
    })
  }
})
