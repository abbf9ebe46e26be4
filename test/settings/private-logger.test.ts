import { expect } from 'chai'
import { silentLogger } from '../../src/messages/logger.ts'
import { AppTimeoutError, ServerError } from '../../src/router/errors.ts'
import { type Privacy, privateLogger } from '../../src/settings/private-logger.ts'

const SECRETS: ReadonlySet<string> = new Set(['geheimnis', 'geheimnis+mehr', 'a/b?c'])

function logged(fields: object, privacy: Partial<Privacy> = {}, message = 'said'): string {
  const lines: unknown[] = []
  const keep = (given: object, text: string) => void lines.push([given, text])
  const target = { debug: keep, info: keep, warn: keep, error: keep }
  privateLogger(target, { texts: false, numbers: false, secrets: SECRETS, level: 'debug', ...privacy }).warn(
    fields,
    message,
  )
  return JSON.stringify(lines)
}

const text = 'My PIN is 4711, says Wanjikũ'
const identity = '+254712345678'

const LIKE_A_STACK = stacked('Dear doctor\n    at home I have HIV')
const NUMBERED = {
  identity,
  text: '0712345678 is my HIV no OK',
  err: new Error('no app for: 0712345678 is my HIV no OK'),
}

function stacked(words: string) {
  return { text: words, err: new Error(`cannot parse ${words}`) }
}

/** With a message that its stack does not begin with. */
function retold(fields: ReturnType<typeof stacked>) {
  const err = new Error('cannot parse')
  err.stack = `Error: cannot parse ${fields.text}\n    at parse (file:///app.ts:1:2)`
  return { ...fields, err }
}

describe('privateLogger', () => {
  it('does not look at what is below the level that is written', () => {
    const fields = Object.defineProperty({}, 'id', {
      enumerable: true,
      get() {
        throw new Error('looked at')
      },
    })
    expect(logged(fields, { level: 'error' })).to.equal('[]')
    expect(logged(fields, { level: 'silent' })).to.equal('[]')
    expect(logged(fields, { level: 'warn' })).to.equal('[[{"fields":"[text]"},"said"]]')
  })

  it('throws nothing, whatever it is given', () => {
    const noText = Object.assign(new Error('x'), { message: 4711 })
    expect(logged({ text, err: noText })).to.equal('[[{"fields":"[text]"},"said"]]')
    const err = new Error('cannot look-up "vote: Kibera-West (4711)"')
    expect(logged({ text: 'vote: Kibera-West (4711)', err })).to.contain('cannot look-up \\"[text]\\"')
  })

  const hidden: readonly (readonly [what: string, fields: object, parts: readonly string[]])[] = [
    ['a text', { text }, ['4711', 'Wanjikũ']],
    ['a number', { identity }, ['712345']],
    ['what a form yielded', { fields: { name: 'Wanjikũ' } }, ['Wanjikũ']],
    ['a whole message', { message: { identity, text, rawText: text } }, ['4711', '712345']],
    ['a text in an error of an app', { text, err: new Error(`cannot read "${text}"`) }, ['4711', 'Wanjikũ']],
    ['a word of it in an error, in another case', { text, err: new TypeError('no such person: WANJIKŨ') }, ['WANJIKŨ']],
    ['a number in an error', { identity, err: new Error(`no village for ${identity}`) }, ['712345']],
    ['another number in an error', { err: new Error('called (0712) 345-678 in vain') }, ['345-678']],
    ['a text in the cause of an error', { text, err: new Error('failed', { cause: new Error(text) }) }, ['4711']],
    ['what a service answered', { text, identity, error: `refused: ${text} to ${identity}` }, ['4711', '712345']],
    ['what a form says', { errors: { phone: [`${identity} is no number`] } }, ['712345']],
    [
      'properties of an error',
      { err: Object.assign(new Error('x'), { body: text, to: identity }) },
      ['4711', '712345'],
    ],
    ['a text that looks like a stack', LIKE_A_STACK, ['HIV']],
    ['a text that looks like a stack, of an error told anew', retold(LIKE_A_STACK), ['HIV']],
    ['a short text with a number in it', NUMBERED, ['HIV', 'no OK', '712345']],
    ['an error given by itself', new Error(`called ${identity}`), ['712345']],
  ]

  for (const [what, fields, parts] of hidden) {
    it(`keeps ${what} out of the log`, () => {
      for (const part of parts) expect(logged(fields)).not.to.contain(part)
    })
  }

  for (const [what, fields, parts] of hidden.filter(([what]) => what !== 'properties of an error')) {
    it(`shows ${what} where settings say so`, () => {
      for (const part of parts) expect(logged(fields, { texts: true, numbers: true })).to.contain(part)
    })
  }

  it('takes a text and a number out of a message that tells both', () => {
    const sentence = `Sent SMS to ${identity}: ${text}`
    expect(logged({ identity, text }, {}, sentence)).to.contain('"Sent SMS to +254******678: [text]"')
    expect(logged({ identity, text }, { texts: true }, sentence)).to.contain(`"Sent SMS to +254******678: ${text}"`)
    expect(logged({ identity, text }, { texts: true, numbers: true }, sentence)).to.contain(sentence)
  })

  it('leaves the words of a message alone', () => {
    expect(logged({ identity, text: 'failed' }, {}, 'an app failed')).to.contain('an app failed')
  })

  const secrets: readonly (readonly [what: string, fields: object])[] = [
    ['an error', { err: new ServerError('wrong password geheimnis') }],
    ['the cause of an error', { err: new Error('x', { cause: new Error('geheimnis') }) }],
    ['a stack', { err: new Error('geheimnis') }],
    ['a line of a message that looks like a stack', { err: new Error('refused\n    at geheimnis') }],
    ['a text that settings show', { text: 'the word is geheimnis+mehr' }],
    ['a path', { path: '/backends/x/geheimnis/' }],
    ['a list deep inside', { request: { headers: [['authorization', 'Basic geheimnis']] } }],
    ['characters that expressions know', { url: 'http://x/a/b?c' }],
  ]

  for (const [what, fields] of secrets) {
    it(`never shows a secret in ${what}`, () => {
      const line = logged(fields, { texts: true, numbers: true })
      expect(line)
        .to.contain('[secret]')
        .and.not.match(/geheimnis|mehr|a\/b\?c/)
    })
  }

  it('keeps what an operator needs of an error: class, code, text, cause, and where a bug is', () => {
    const details = { providerCode: '0x45', cause: new Error('connect ECONNREFUSED 192.168.10.12:8080') }
    const line = logged({ id: '0192-4711', err: new ServerError('The service answered 503', details) })
    const [[fields]] = JSON.parse(line) as [[{ err: object }]]
    expect(fields).to.have.property('id', '0192-4711')
    expect(fields.err).to.include({
      type: 'ServerError',
      code: 'SERVER',
      providerCode: '0x45',
      message: 'The service answered 503',
    })
    expect(fields.err).to.have.nested.property('cause.message', 'connect ECONNREFUSED 192.168.10.12:8080')
    expect(fields.err).not.to.have.property('stack')
    expect(logged({ err: new TypeError('x is not a function') })).to.match(
      /TypeError: x is not a function\\n\s+at .*private-logger\.test/,
    )
  })

  it('leaves our own words whole, whatever the text says', () => {
    const err = new AppTimeoutError('The app "slow" did not return within 30000 ms (phase handle).')
    expect(logged({ text: 'the app did not return', err })).to.contain('did not return within 30000 ms')
  })

  it('cuts what is long', () => {
    expect(logged({ path: 'x'.repeat(1_000_000) }).length).to.be.below(3_000)
    expect(logged({ text, err: new Error('y'.repeat(1_000_000)) }).length).to.be.below(12_000)
  })

  it('comes to an end with what holds itself', () => {
    const round: Record<string, unknown> = { text }
    round['self'] = round
    expect(logged({ round })).to.contain('[deeper]').and.not.to.contain('4711')
  })

  it('changes nothing of what it is given', () => {
    const fields = { text, identity, inner: { text } }
    logged(fields)
    expect(fields).to.deep.equal({ text, identity, inner: { text } })
  })

  it('leaves a silent logger as it is', () => {
    expect(privateLogger(silentLogger, { texts: false, level: 'debug', numbers: false, secrets: SECRETS })).to.equal(
      silentLogger,
    )
  })
})
