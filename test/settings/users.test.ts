import { expect } from 'chai'
import { nullBackend } from '../../src/backends/index.ts'
import { hashKey } from '../../src/http/users/password-hash.ts'
import { createSwitchboard, SettingsError } from '../../src/index.ts'
import { cheapHash } from '../support/api.ts'

const password = cheapHash('secret')
const key = hashKey('swb_key')

function faultsOf(users: object): readonly string[] {
  try {
    createSwitchboard({ backends: { gateway: nullBackend({}) }, apps: [], http: { users: users as never } })
    return []
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    return error.faults.map(({ path, message }) => `${path}: ${message}`)
  }
}

describe('the users of the settings', () => {
  it('are taken with a password, a key, or both', () => {
    const users = { ann: { role: 'admin', password }, bob: { role: 'reader', keys: [key], backends: ['gateway'] } }
    expect(faultsOf(users)).to.deep.equal([])
  })

  for (const { what, users, fault } of [
    {
      what: 'a password in the clear',
      users: { ann: { role: 'admin', password: 'secret' } },
      fault: /^http\.users\.ann\.password: .*hash-password/,
    },
    {
      what: 'a key in the clear',
      users: { ann: { role: 'admin', keys: ['swb_key'] } },
      fault: /^http\.users\.ann\.keys\.0: .*--key/,
    },
    { what: 'neither', users: { ann: { role: 'admin' } }, fault: /^http\.users\.ann: a password or a key/ },
    { what: 'no role', users: { ann: { password } }, fault: /^http\.users\.ann\.role: is required/ },
    {
      what: 'a role that is none',
      users: { ann: { role: 'root', password } },
      fault: /^http\.users\.ann\.role: one of "admin"/,
    },
    {
      what: 'a backend that is not there',
      users: { ann: { role: 'admin', password, backends: ['none'] } },
      fault: /backends\.0: there is no such backend; there are gateway$/,
    },
    {
      what: 'one key twice',
      users: { ann: { role: 'admin', keys: [key] }, bob: { role: 'admin', keys: [key] } },
      fault: /^http\.users\.bob\.keys\.0: .*http\.users\.ann/,
    },
    { what: 'a name with a colon', users: { 'a:b': { role: 'admin', password } }, fault: /^http\.users/ },
  ]) {
    it(`are refused with ${what}, which is not told`, () => {
      const faults = faultsOf(users)
      expect(faults).to.have.length(1)
      expect(faults[0]).to.match(fault)
      for (const secret of [password, key, 'secret', 'swb_key']) expect(faults[0]).to.not.include(secret)
    })
  }

  it('are printed without what they show who they are by', () => {
    const users = { ann: { role: 'admin' as const, password, keys: [key] } }
    const { settings } = createSwitchboard({ backends: { gateway: nullBackend({}) }, apps: [], http: { users } })
    const printed = JSON.stringify(settings.printable)
    expect(printed).to.include('"ann"').and.not.include(password).and.not.include(key)
    expect([...settings.secrets]).to.include.members([password, key])
  })
})
