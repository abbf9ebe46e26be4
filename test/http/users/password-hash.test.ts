import { expect } from 'chai'
import {
  fitsPassword,
  hashKey,
  hashOfNobody,
  hashPassword,
  isKeyHash,
  isPasswordHash,
  newKey,
} from '../../../src/http/users/password-hash.ts'
import { cheapHash } from '../../support/api.ts'

describe('the hash of a password', () => {
  it('is fitted by the password and by no other', async () => {
    const hash = await hashPassword('correct horse')
    expect(hash).to.match(/^\$scrypt\$ln=15,r=8,p=3\$[\w-]{22}\$[\w-]{43}$/)
    expect(isPasswordHash(hash)).to.equal(true)
    expect(await fitsPassword('correct horse', hash)).to.equal(true)
    for (const wrong of ['correct hors', '']) {
      expect(await fitsPassword(wrong, hash), wrong).to.equal(false)
    }
  })

  it('is another one each time', async () => {
    const hashes = await Promise.all([hashPassword('a'), hashPassword('a')])
    expect(new Set(hashes).size).to.equal(2)
  })

  it('does not tell apart the ways to write one letter', async () => {
    expect(await fitsPassword('caf\u00e9', cheapHash('caf\u00e9'))).to.equal(true)
    expect(await fitsPassword('cafe\u0301', cheapHash('caf\u00e9'))).to.equal(true)
  })

  it('of nobody costs what those of others do, and fits nothing', async () => {
    const nobody = hashOfNobody(cheapHash('a'))
    expect(nobody).to.match(/^\$scrypt\$ln=10,r=1,p=1\$/)
    expect(await fitsPassword('a', nobody)).to.equal(false)
    expect(hashOfNobody(undefined)).to.match(/^\$scrypt\$ln=15,r=8,p=3\$/)
  })

  for (const [what, given] of [
    ['nothing', ''],
    ['a password', 'password'],
    ['of another kind', '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g'],
    ['that costs nothing', cheapHash('a').replace('ln=10', 'ln=1')],
    ['that would take the machine', cheapHash('a').replace('ln=10', 'ln=40')],
    ['that would take all day', cheapHash('a').replace('p=1', 'p=99')],
    ['without rounds', cheapHash('a').replace('r=1', 'r=0')],
    ['that was cut', cheapHash('a').slice(0, -30)],
  ] as const) {
    it(`is none where it is ${what}`, async () => {
      expect(isPasswordHash(given)).to.equal(false)
      expect(await fitsPassword('a', given)).to.equal(false)
    })
  }
})

describe('a key', () => {
  it('is new each time, and long', () => {
    const keys = Array.from({ length: 10 }, newKey)
    expect(new Set(keys).size).to.equal(10)
    for (const key of keys) expect(key).to.match(/^swb_[\w-]{43}$/)
  })

  it('is told by its hash', () => {
    const key = newKey()
    expect(isKeyHash(hashKey(key))).to.equal(true)
    expect(hashKey(key)).to.not.equal(hashKey(`${key}x`))
    expect(isKeyHash(key)).to.equal(false)
  })
})
