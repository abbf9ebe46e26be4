import { expect } from 'chai'
import { InvalidInputError } from '../../src/messages/errors.ts'
import { checkedGroup, checkedLanguage, checkedName, checkedTimeZone } from '../../src/messages/person.ts'

const good = [
  [checkedName, ' Ann ', 'Ann'],
  [checkedName, 'ن'.repeat(200), 'ن'.repeat(200)],
  [checkedName, '👩🏾'.repeat(100), '👩🏾'.repeat(100)],
  [checkedName, 'A\ud800', 'A\ufffd'],
  [checkedGroup, 'north; 2', 'north; 2'],
  [checkedLanguage, 'SW', 'sw'],
  [checkedLanguage, 'pt_br', 'pt-BR'],
  [checkedLanguage, 'zh-hant-tw', 'zh-Hant-TW'],
  [checkedLanguage, 'luo', 'luo'],
  [checkedTimeZone, 'africa/nairobi', 'Africa/Nairobi'],
  [checkedTimeZone, 'Asia/Kolkata', 'Asia/Kolkata'],
  [checkedTimeZone, 'UTC', 'UTC'],
] as const

const bad = [
  [checkedName, '  ', /^name: .*not an empty one/],
  [checkedName, 7, /^name: a text is expected, not number/],
  [checkedName, undefined, /^name: a text is expected/],
  [checkedName, 'x'.repeat(201), /^name: at most 200/],
  [checkedName, 'x'.repeat(1_000_000), /^name: at most 200/],
  [checkedName, 'a\nb', /^name: .*one line/],
  [checkedName, 'a\0b', /^name: .*control/],
  [checkedGroup, 'x'.repeat(101), /^group: at most 100/],
  [checkedLanguage, 'english', /^language: .*BCP 47.*"english"/],
  [checkedLanguage, 'klingon', /^language: /],
  [checkedLanguage, 'e', /^language: /],
  [checkedLanguage, '', /^language: /],
  [checkedLanguage, null, /^language: .*null/],
  [checkedLanguage, 'en-', /^language: /],
  [checkedLanguage, 'x'.repeat(1_000), /^language: .*…"$/],
  [checkedTimeZone, 'Mars/Base', /^timeZone: .*IANA.*"Mars\/Base"/],
  [checkedTimeZone, '+03:00', /^timeZone: /],
  [checkedTimeZone, '', /^timeZone: /],
  [checkedTimeZone, {}, /^timeZone: .*object/],
] as const

describe('what is known of a person', () => {
  for (const [check, given, kept] of good) {
    it(`${check.name} keeps ${JSON.stringify(given).slice(0, 40)} as ${kept.slice(0, 20)}`, () => {
      expect(check(given)).to.equal(kept)
    })
  }

  for (const [check, given, says] of bad) {
    it(`${check.name} refuses ${String(JSON.stringify(given)).slice(0, 40)}`, () => {
      expect(() => check(given)).to.throw(InvalidInputError, says)
    })
  }
})
