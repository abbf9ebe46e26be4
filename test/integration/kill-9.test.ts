import { expect } from 'chai'
import { type Evidence, killRounds } from './kill-rounds.ts'
import { seededRandom } from './random.ts'
import { groupBy, type IncomingRecord, type Records } from './records.ts'

const ROUNDS = Number(process.env['SWITCHBOARD_KILL_ROUNDS'] ?? 20)
const SEED = Number(process.env['SWITCHBOARD_TEST_SEED'] ?? Date.now() % 2 ** 31)
const SETTLE_ROUNDS = 3
const LIMIT_MS = 60_000 + ROUNDS * 10_000

describe(`kill -9 under load (SWITCHBOARD_TEST_SEED=${SEED}, SWITCHBOARD_KILL_ROUNDS=${ROUNDS})`, () => {
  describe('where a duplicate is better than a loss', () => {
    let evidence: Evidence

    before(async function () {
      this.timeout(LIMIT_MS)
      const random = seededRandom(SEED)
      evidence = await killRounds({
        rounds: ROUNDS,
        random,
        unknownOutcome: 'retry',
        repeating: 16,
        plain: 8,
        slowness: 8,
      })
      console.log(`      ${figuresOf(evidence)}`)
    })

    it('was killed as often as planned, with work in hand', () => {
      expect(evidence.remains).to.have.lengthOf(ROUNDS)
      const inHand = evidence.remains.filter(({ incoming }) => incoming.some(({ state }) => state === 'RECEIVED'))
      const attemptsOpen = evidence.remains.filter((remains) => openAttempts(remains).size > 0)
      expect(inHand, 'kills with messages unprocessed').not.to.have.lengthOf(0)
      expect(attemptsOpen, 'kills with sends in flight').not.to.have.lengthOf(0)
      expect(evidence.acknowledged.size).to.be.at.least(ROUNDS)
    })

    it('answers nothing but 200', () => {
      expect(evidence.otherStatuses).to.deep.equal([])
    })

    it('has every message that was answered 200 processed once and answered once', () => {
      const { records, acknowledged } = evidence
      const byText = groupBy(records.incoming, ({ text }) => text)
      const answers = groupBy(records.outgoing, ({ inResponseTo }) => inResponseTo ?? '')
      const faults = [...acknowledged].filter((text) => {
        const [message, ...others] = byText.get(text) ?? []
        if (message === undefined || others.length > 0 || message.state !== 'PROCESSED') return true
        const texts = answers.get(message.id)?.map((answer) => `${answer.text} ${answer.state}`)
        return texts?.join() !== `re ${text} SENT`
      })
      expect(faults).to.deep.equal([])
    })

    it('has no message twice, answered or not', () => {
      const twice = [...groupBy(evidence.records.incoming, ({ text }) => text).values()].filter(
        (messages) => messages.length > 1,
      )
      expect(twice).to.deep.equal([])
    })

    it('has nothing that nobody sent, and of unanswered messages some or none', () => {
      const { records, acknowledged, unanswered } = evidence
      const strangers = records.incoming.filter(({ text }) => !acknowledged.has(text) && !unanswered.has(text))
      expect(strangers).to.deep.equal([])
    })

    it('keeps every message on disk from the answer on, at every kill', () => {
      const { remains, records } = evidence
      const final = new Set(records.incoming.map(({ id }) => id))
      const lost = remains.flatMap(({ incoming }) => incoming.filter(({ id }) => !final.has(id)))
      expect(lost).to.deep.equal([])
    })

    it('keeps each person in order, in and out', () => {
      for (const messages of groupBy(evidence.records.incoming, ({ identity }) => identity).values()) {
        expectOrdered(messages.map(({ text }) => text))
      }
      for (const messages of groupBy(evidence.records.outgoing, ({ identity }) => identity).values()) {
        expectOrdered(messages.map(({ text }) => text.replace('re ', '')))
      }
    })

    it('repeats the phases of nothing but the message in hand at the kill', () => {
      const begun = evidence.phases.filter(({ what }) => what === 'begin')
      for (const ofPerson of groupBy(begun, ({ identity }) => identity).values()) {
        const repeats = ofPerson.filter((line, index) => ofPerson.findIndex(({ id }) => id === line.id) < index)
        for (const repeat of repeats) {
          const before = ofPerson[ofPerson.indexOf(repeat) - 1]
          expect(before?.id, 'what this person had in hand before').to.equal(repeat.id)
          expect(before?.round, 'the round of the earlier run').to.be.lessThan(repeat.round)
        }
      }
      const ended = new Set(evidence.phases.filter(({ what }) => what === 'end').map(({ id }) => id))
      const processed = evidence.records.incoming.map(({ id }) => id)
      expect(processed.filter((id) => !ended.has(id))).to.deep.equal([])
    })

    it('reaches the far side complete and in order, with no more duplicates than sends were in flight', () => {
      const { received, records, remains } = evidence
      const times = groupBy(received, ({ id }) => id)
      expect(records.outgoing.filter(({ id }) => !times.has(id))).to.deep.equal([])
      const opened = remains.map(openAttempts)
      const tooOften = [...times].filter(
        ([id, receptions]) => receptions.length > 1 + opened.filter((open) => open.has(id)).length,
      )
      expect(tooOften).to.deep.equal([])
      for (const [identity, receptions] of groupBy(received, ({ identity }) => identity)) {
        const texts = receptions.map(({ text }) => text)
        const withoutRepeats = texts.filter((text, index) => text !== texts[index - 1])
        const stored = records.outgoing.filter((message) => message.identity === identity).map(({ text }) => text)
        expect(withoutRepeats, `what ${identity} received`).to.deep.equal(stored)
      }
    })
  })

  describe('where a loss is better than a duplicate', () => {
    let evidence: Evidence

    before(async function () {
      this.timeout(LIMIT_MS)
      const random = seededRandom(SEED + 1)
      const plan = { rounds: SETTLE_ROUNDS, random, unknownOutcome: 'settle', repeating: 16, plain: 0 } as const
      evidence = await killRounds({ ...plan, slowness: 60 })
    })

    it('sends nothing twice', () => {
      const twice = [...groupBy(evidence.received, ({ id }) => id).values()].filter(({ length }) => length > 1)
      expect(twice).to.deep.equal([])
    })

    it('settles what was in flight at a kill as UNKNOWN, and sends everything else', () => {
      const { records, remains, received } = evidence
      const inFlight = new Set(remains.flatMap((one) => [...openAttempts(one)]))
      const unknown = records.outgoing.filter(({ state }) => state === 'UNKNOWN').map(({ id }) => id)
      expect(inFlight.size, 'sends in flight at the kills').to.be.greaterThan(0)
      expect(unknown).to.have.members([...inFlight])
      const sent = records.outgoing.filter(({ id }) => !inFlight.has(id))
      expect(sent.filter(({ state }) => state !== 'SENT')).to.deep.equal([])
      const reached = new Set(received.map(({ id }) => id))
      expect(sent.filter(({ id }) => !reached.has(id))).to.deep.equal([])
    })

    it('has every message that was answered 200 processed once', () => {
      const { records, acknowledged } = evidence
      const processed = records.incoming.filter(isProcessed).map(({ text }) => text)
      expect(processed).to.have.lengthOf(new Set(processed).size)
      expect([...acknowledged].filter((text) => !processed.includes(text))).to.deep.equal([])
    })
  })
})

function figuresOf({ acknowledged, received, records, remains }: Evidence): string {
  const inFlight = remains.reduce((sum, one) => sum + openAttempts(one).size, 0)
  const duplicates = received.length - new Set(received.map(({ id }) => id)).size
  return (
    `${remains.length} kills, ${acknowledged.size} messages answered 200, ${records.outgoing.length} sent, ` +
    `${inFlight} sends in flight at the kills, ${duplicates} duplicates at the far side`
  )
}

function isProcessed({ state }: IncomingRecord): boolean {
  return state === 'PROCESSED'
}

/** Messages whose attempt had begun and whose result was not recorded. */
function openAttempts({ outgoing }: Records): ReadonlySet<string> {
  return new Set(outgoing.filter(({ open, attemptAt }) => open === 1 && attemptAt !== null).map(({ id }) => id))
}

/** Texts end with the number under which their person wrote them. */
function expectOrdered(texts: readonly string[]): void {
  const numbers = texts.map((text) => Number(text.split(' ').at(-1)))
  expect(numbers).to.deep.equal(numbers.toSorted((a, b) => a - b))
}
