import { expect } from 'chai'
import { SettingsError } from '../../src/settings/errors.ts'
import { type Role, routerRole } from '../../src/settings/roles.ts'

const SQLITE = { databaseUrl: 'sqlite:data/switchboard.db' }
const POSTGRES = { databaseUrl: 'postgres://sms@db/sms' }
const REDIS = { redisUrl: 'redis://cache' }

describe('roles', () => {
  const taken = [
    { role: 'all', settings: SQLITE, is: 'alone' },
    { role: 'all', settings: POSTGRES, is: 'alone' },
    { role: 'all', settings: { ...POSTGRES, ...REDIS }, is: 'all' },
    { role: 'web', settings: { ...POSTGRES, ...REDIS }, is: 'web' },
    { role: 'worker', settings: { ...POSTGRES, ...REDIS }, is: 'worker' },
  ] as const
  for (const { role, settings, is } of taken) {
    it(`${role} with ${Object.values(settings).join(' and ')} is ${is}`, () => {
      expect(routerRole(role, { redisUrl: undefined, ...settings })).to.equal(is)
    })
  }

  const refused: readonly { role: Role; settings: typeof SQLITE & Partial<typeof REDIS>; at: readonly string[] }[] = [
    { role: 'web', settings: POSTGRES, at: ['REDIS_URL'] },
    { role: 'worker', settings: POSTGRES, at: ['REDIS_URL'] },
    { role: 'web', settings: SQLITE, at: ['REDIS_URL', 'DATABASE_URL'] },
    { role: 'worker', settings: { ...SQLITE, ...REDIS }, at: ['DATABASE_URL'] },
    { role: 'all', settings: { ...SQLITE, ...REDIS }, at: ['DATABASE_URL'] },
  ]
  for (const { role, settings, at } of refused) {
    it(`${role} with ${Object.values(settings).join(' and ')} is refused, and it is said what to set`, () => {
      const asked = () => routerRole(role, { redisUrl: undefined, ...settings })
      expect(asked).to.throw(SettingsError)
      for (const name of at) expect(asked).to.throw(`set ${name}=`)
    })
  }
})
