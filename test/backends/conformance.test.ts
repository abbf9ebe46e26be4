import { expect } from 'chai'
import type { BackendInput } from '../../src/backends/define.ts'
import { dummy, httpBackend, httptester, logBackend, loopback, nullBackend } from '../../src/backends/index.ts'
import { createSwitchboard, SettingsError } from '../../src/index.ts'
import { silentLogger } from '../../src/messages/logger.ts'

const kinds: Readonly<Record<string, (input?: object) => BackendInput>> = {
  httpBackend,
  httptester,
  loopback,
  nullBackend,
  logBackend,
  dummy,
}

for (const [name, make] of Object.entries(kinds)) {
  describe(`the kind ${name}`, () => {
    const create = (input?: object) =>
      createSwitchboard(
        { databaseUrl: 'sqlite::memory:', backends: { b: make(input) }, apps: [] },
        { logger: silentLogger },
      )

    it('needs no settings, and may stand under several names', () => {
      expect(create().settings.backends.get('b')).to.include({ name: 'b' })
      const { settings } = createSwitchboard({ backends: { a: make(), b: make() }, apps: [] }, { logger: silentLogger })
      expect([...settings.backends.keys()]).to.deep.equal(['a', 'b'])
    })

    it('does not throw when it is made: faults are told when the settings load, under its name', () => {
      const input = make({ nonsense: 1, debug: 'yes' })
      const load = () => createSwitchboard({ backends: { b: input }, apps: [] }, { logger: silentLogger })
      expect(load).to.throw(
        SettingsError,
        /backends\.b\.debug[\s\S]*backends\.b\.nonsense|backends\.b\.nonsense[\s\S]*backends\.b\.debug/,
      )
    })

    it('has settings that cannot be changed, and views that say their methods', () => {
      const backend = create().settings.backends.get('b')
      expect(backend?.settings).to.satisfy(Object.isFrozen)
      for (const view of Object.values(backend?.views ?? {})) expect(view.methods).to.be.an('array').that.is.not.empty
    })
  })
}
