import { expect } from 'chai'
import type { RunningServer } from '../support/process.ts'
import { createSite, type Site } from '../support/server-process.ts'
import { until } from '../support/until.ts'
import { type Client, createClient } from './client.ts'
import { type Behaviour, type Recorder, type Reply, recorderParams, startRecorder } from './recorder.ts'
import { type AttemptRecord, isQuiet, type OutgoingRecord, readRecords } from './records.ts'

const LIMIT_MS = 60_000
const WAIT_MS = 20_000
const ATTEMPTS = 4
const FIRST_DELAY_MS = 80
const TIME_LIMIT_MS = 500

describe('failing far sides', function () {
  this.timeout(LIMIT_MS)
  let recorder: Recorder
  let client: Client
  let site: Site
  let server: RunningServer

  before(async () => {
    recorder = await startRecorder()
    client = createClient()
    site = createSite({ settings: settingsFor(recorder) })
    server = await site.start()
  })

  after(async () => {
    await server?.stop('SIGKILL')
    await client?.close()
    await recorder?.close()
    site?.remove()
  })

  const write = async (identity: string, text: string, backend = 'far') => {
    const { status } = await client.post(`${server.url}/backends/${backend}/`, { identity, text })
    expect(status).to.equal(200)
  }

  const quiet = () => until('everything is sent', () => isQuiet(site.database), WAIT_MS)

  const outgoingOf = (identity: string): readonly OutgoingRecord[] =>
    readRecords(site.database).outgoing.filter((message) => message.identity === identity)

  const attemptsOf = ({ seq }: OutgoingRecord): readonly AttemptRecord[] =>
    readRecords(site.database).attempts.filter(({ outgoingSeq }) => outgoingSeq === seq)

  const faults: readonly { name: string; reply: Reply; outcome: string; providerCode: string | null }[] = [
    { name: 'answers 500', reply: 500, outcome: 'SERVER', providerCode: '500' },
    { name: 'answers 429', reply: 429, outcome: 'LIMITS', providerCode: '429' },
    { name: 'cuts the connection', reply: 'cut', outcome: 'CONNECTION', providerCode: null },
    { name: 'never answers', reply: 'hang', outcome: 'CONNECTION', providerCode: null },
  ]

  for (const { name, reply, outcome, providerCode } of faults) {
    describe(`a service that ${name} to the first tries`, () => {
      const ill = `ill ${name}`
      const well = `well ${name}`

      before(async () => {
        recorder.behave(failing(ill, (earlier) => (earlier < 2 ? reply : 200)))
        for (const text of ['1', '2', '3']) await write(ill, text)
        await until('the first try has failed', () => recorder.textsTo(ill).length > 0, WAIT_MS)
        for (const text of ['1', '2', '3']) await write(well, text)
        await quiet()
      })

      it("is tried again in the person's order: what is later waits", () => {
        expect(recorder.textsTo(ill)).to.deep.equal([1, 1, 1, 2, 2, 2, 3, 3, 3].map((number) => `re ${number}`))
      })

      it('grows its delays', () => {
        const [first, second, third] = recorder.received.filter(({ identity }) => identity === ill).map(({ at }) => at)
        expect(Number(second) - Number(first)).to.be.at.least(FIRST_DELAY_MS / 2)
        expect(Number(third) - Number(second)).to.be.at.least(FIRST_DELAY_MS)
      })

      it('holds up nobody else', () => {
        expect(recorder.textsTo(well)).to.deep.equal(['re 1', 're 2', 're 3'])
        const lastWell = recorder.received.findLast(({ identity }) => identity === well)?.at ?? Number.POSITIVE_INFINITY
        const lastIll = recorder.received.findLast(({ identity }) => identity === ill)?.at ?? 0
        expect(lastWell).to.be.lessThan(lastIll)
      })

      it('has every attempt listed with its error', () => {
        const messages = outgoingOf(ill)
        expect(messages.map(({ state }) => state)).to.deep.equal(['SENT', 'SENT', 'SENT'])
        for (const message of messages) {
          const attempts = attemptsOf(message)
          expect(attempts.map((attempt) => attempt.outcome)).to.deep.equal(['RETRY', 'RETRY', 'SENT'])
          const failed = attempts.slice(0, 2)
          expect(failed.map(({ code }) => code)).to.deep.equal([outcome, outcome])
          expect(failed.map((attempt) => attempt.providerCode)).to.deep.equal([providerCode, providerCode])
          expect(failed.every(({ error }) => (error ?? '').length > 0)).to.equal(true)
        }
      })
    })
  }

  describe('a service that is away for a while', () => {
    const people = ['away-1', 'away-2', 'away-3']

    before(async () => {
      recorder.behave(() => 200)
      await recorder.goAway()
      for (const text of ['1', '2', '3']) for (const identity of people) await write(identity, text, 'patient')
      await until(
        'it has been tried in vain',
        () => people.every((one) => (outgoingOf(one)[0]?.tries ?? 0) >= 2),
        WAIT_MS,
      )
      await recorder.comeBack()
      await quiet()
    })

    it('gets everything once it is back, in order, each once', () => {
      for (const identity of people) expect(recorder.textsTo(identity)).to.deep.equal(['re 1', 're 2', 're 3'])
    })

    it('has cost attempts, all listed', () => {
      for (const identity of people) {
        const [first] = outgoingOf(identity)
        if (first === undefined) throw new Error('nothing was recorded')
        const attempts = attemptsOf(first)
        expect(attempts).to.have.lengthOf(first.tries)
        expect(attempts.at(-1)?.outcome).to.equal('SENT')
        expect(attempts[0]).to.include({ outcome: 'RETRY', code: 'CONNECTION' })
      }
    })
  })

  describe('a service that fails for good', () => {
    const identity = 'hopeless'

    before(async () => {
      recorder.behave(failing(identity, () => 500))
      await write(identity, '1')
      await write(identity, '2')
      await quiet()
    })

    it('leaves ERROR after the last attempt, and then lets the next message try', () => {
      const messages = outgoingOf(identity)
      expect(messages.map(({ state, code, tries }) => ({ state, code, tries }))).to.deep.equal([
        { state: 'ERROR', code: 'SERVER', tries: ATTEMPTS },
        { state: 'ERROR', code: 'SERVER', tries: ATTEMPTS },
      ])
      for (const message of messages) expect(attemptsOf(message)).to.have.lengthOf(ATTEMPTS)
      const expected = ['re 1', 're 2'].flatMap((text) => Array.from({ length: ATTEMPTS }, () => text))
      expect(recorder.textsTo(identity)).to.deep.equal(expected)
    })

    it('is listed by replay, and sent by it beside the running server', async () => {
      recorder.behave(() => 200)
      const listed = await site.run('replay', '--out')
      expect(listed.code).to.equal(0)
      const [first, second] = outgoingOf(identity)
      expect(listed.stdout).to.include(first?.id).and.to.include(second?.id)
      const replayed = await site.run('replay', first?.id ?? '', second?.id ?? '')
      expect(replayed, replayed.stderr).to.include({ code: 0 })
      await until('both are sent', () => outgoingOf(identity).every(({ state }) => state === 'SENT'), WAIT_MS)
      expect(recorder.textsTo(identity).slice(-2)).to.deep.equal(['re 1', 're 2'])
      for (const message of outgoingOf(identity)) expect(attemptsOf(message)).to.have.lengthOf(ATTEMPTS + 1)
    })
  })

  it('gives up at once what the service refuses', async () => {
    recorder.behave(failing('refused', () => 400))
    await write('refused', '1')
    await quiet()
    expect(recorder.textsTo('refused')).to.have.lengthOf(1)
    expect(outgoingOf('refused')[0]).to.include({ state: 'ERROR', code: 'REQUEST' })
  })

  it('does not send again what may have arrived, where the settings do not say so', async () => {
    recorder.behave(failing('unsure', () => 'cut'))
    await write('unsure', '1', 'careful')
    await quiet()
    expect(recorder.textsTo('unsure')).to.have.lengthOf(1)
    expect(outgoingOf('unsure')[0]).to.include({ state: 'UNKNOWN' })
  })
})

/** A service that does this to one person's messages and takes all others. */
function failing(identity: string, reply: (earlier: number) => Reply): Behaviour {
  return (reception, earlier) => (reception.identity === identity ? reply(earlier) : 200)
}

function settingsFor({ url }: Recorder): string {
  const send = `{ url: ${JSON.stringify(url)}, params: ${JSON.stringify(recorderParams)} }`
  return `
    import { defineSettings } from 'sms-switchboard'
    import { httpBackend } from 'sms-switchboard/backends'

    const send = ${send}
    const sending = { timeLimit: ${TIME_LIMIT_MS}, attempts: ${ATTEMPTS}, firstDelay: ${FIRST_DELAY_MS} }

    export default defineSettings({
      backends: {
        far: httpBackend({ send, sending: { ...sending, unknownOutcome: 'retry' } }),
        patient: httpBackend({ send, sending: { ...sending, attempts: 50, longestDelay: 200 } }),
        careful: httpBackend({ send, sending }),
      },
      apps: [{ name: 'answers', handle: (message) => message.respond('re ' + message.text) }],
    })
  `
}
