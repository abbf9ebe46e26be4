import { expect } from 'chai'
import { type DeliveryReport, reportClassesOf } from 'sms-switchboard'

describe('the classes of a report', () => {
  const rows: readonly (readonly [Pick<DeliveryReport, 'state' | 'expired'>, readonly string[]])[] = [
    [{ state: 'SENT' }, ['accepted']],
    [{ state: 'DELIVERED' }, ['accepted', 'delivered']],
    [{ state: 'ERROR' }, ['accepted', 'error']],
    [{ state: 'ERROR', expired: true }, ['accepted', 'expired']],
    [{ state: 'DELIVERED', expired: true }, ['accepted', 'delivered']],
    [{ state: 'UNKNOWN' }, []],
    [{ state: 'SENDING' }, []],
    [{ state: 'CANCELLED' }, []],
    [{}, []],
  ]
  for (const [report, classes] of rows) {
    it(`${JSON.stringify(report)}: ${classes.join(', ') || 'none'}`, () => {
      expect(reportClassesOf(report)).to.deep.equal(classes)
    })
  }
})
