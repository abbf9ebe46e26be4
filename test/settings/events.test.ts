import { expect } from 'chai'
import { httptester } from '../../src/backends/index.ts'
import { SettingsError } from '../../src/settings/errors.ts'
import { parseSettings } from '../../src/settings/parse.ts'

function toTheBooks() {}

const parse = (events: unknown) => parseSettings({ backends: { tester: httptester() }, apps: [], events })

describe('the setting events', () => {
  it('is printed with the names of its hooks', () => {
    const { printable } = parse({
      receive: [toTheBooks, { hook: () => {}, before: true, name: 'guard' }],
      send: [() => {}, { hook: () => {} }],
    })
    expect(JSON.parse(JSON.stringify(printable['events']))).to.deep.include({
      ...{
        receive: ['toTheBooks', { name: 'guard', before: true }],
        send: ['events.send.0', 'events.send.1'],
        status: [],
      },
      attempts: 5,
    })
  })

  const faulty: [what: string, events: unknown, fault: string][] = [
    ['a hook that is none', { receive: ['toTheBooks'] }, 'events.receive.0: a function is expected'],
    ['a hook without a function', { send: [{ before: true }] }, 'events.send.0: a function is expected'],
    ['an event that is none', { recieve: [] }, 'events.recieve: there is no such setting; did you mean "receive"?'],
    ['hooks that are no list', { status: toTheBooks }, 'events.status: a list is expected'],
    ['no attempts', { attempts: 0 }, 'events.attempts: at least 1 is expected'],
    ['delays in the wrong order', { firstDelay: 9, longestDelay: 1 }, 'events.firstDelay: may not be more'],
  ]
  for (const [what, events, fault] of faulty) {
    it(`refuses ${what}`, () => {
      let faults: readonly string[] = []
      try {
        parse(events)
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error
        faults = error.faults.map(({ path, message }) => `${path}: ${message}`)
      }
      expect(faults.join('\n')).to.include(fault)
    })
  }
})
