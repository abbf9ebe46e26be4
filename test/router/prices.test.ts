import { expect } from 'chai'
import { testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { defineBackend } from '../../src/backends/define.ts'
import { Prices } from '../../src/router/prices.ts'

describe('prices', () => {
  const prices = new Prices([
    { perPart: 9, currency: 'USD' },
    { countries: ['KE'], perPart: 0.8, currency: 'KES' },
    { countries: ['KE'], networks: ['63902'], perPart: 0.6, currency: 'KES' },
    { backends: ['kannel'], countries: ['KE'], perPart: 0.7, currency: 'KES' },
    { prefix: '2547', perPart: 0.5, currency: 'KES' },
    { prefix: '254712', perPart: 0.4, currency: 'KES' },
  ])
  const message = { backend: 'other', identity: '+254202345678', network: null, parts: 2 }

  const rows = [
    ['of a country', {}, { cost: 1.6, currency: 'KES' }],
    ['of a network in it', { network: '63902' }, { cost: 1.2, currency: 'KES' }],
    ['of a backend to it', { backend: 'kannel' }, { cost: 1.4, currency: 'KES' }],
    ['of what the number begins with', { identity: '+254722345678', network: '63902' }, { cost: 1, currency: 'KES' }],
    ['of the longest beginning', { identity: '254712345678' }, { cost: 0.8, currency: 'KES' }],
    ['for all others', { identity: 'a tester' }, { cost: 18, currency: 'USD' }],
  ] as const
  for (const [what, values, estimate] of rows) {
    it(`take the one ${what}`, () => {
      expect(prices.estimate({ ...message, ...values })).to.deep.equal(estimate)
    })
  }

  it('are none where none fits', () => {
    expect(new Prices([]).estimate(message)).to.equal(undefined)
    expect(new Prices([{ prefix: '49', perPart: 1, currency: 'EUR' }]).estimate(message)).to.equal(undefined)
  })

  it('have no noise of binary fractions', () => {
    const one = new Prices([{ perPart: 0.1, currency: 'EUR' }])
    expect(one.estimate({ ...message, parts: 3 })).to.deep.equal({ cost: 0.3, currency: 'EUR' })
  })

  it('stand in for what the service does not tell, and say so', async () => {
    const make = defineBackend({
      ...{ kind: 'telling', settings: z.strictObject({ cost: z.number().optional() }) },
      send: async (_, { settings: { cost } }) => (cost === undefined ? {} : { cost, currency: 'EUR' }),
    })
    const settings = { prices: [{ perPart: 2, currency: 'KES' }] }
    const t = await testSwitchboard({
      apps: [],
      backends: { silent: make({}), telling: make({ cost: 0.05 }) },
      settings,
    })
    const [silent] = await t.send({ to: '1', text: 'x'.repeat(200), backend: 'silent' })
    const [telling] = await t.send({ to: '1', text: 'hi', backend: 'telling' })
    const [guessed] = await t.store.log.attempts(silent?.id ?? '')
    const [told] = await t.store.log.attempts(telling?.id ?? '')
    expect(guessed).to.include({ cost: 4, currency: 'KES', estimated: true })
    expect(told).to.include({ cost: 0.05, currency: 'EUR' }).and.not.have.property('estimated')
    await t.stop()
  })
})
