import { expect } from 'chai'
import { echo } from '../../src/apps/echo.ts'
import { dummy, logBackend, loopback, nullBackend } from '../../src/backends/index.ts'
import { NotRunningError } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { serveWeb } from '../support/web.ts'

describe('backends without a service', () => {
  const rows = [
    { label: 'null takes everything', backend: nullBackend(), state: 'SENT' },
    { label: 'log takes everything', backend: logBackend(), state: 'SENT' },
    { label: 'dummy sends nothing', backend: dummy(), state: 'DEBUG' },
    { label: 'debug sends nothing', backend: nullBackend({ debug: true }), state: 'DEBUG' },
  ]
  for (const { label, backend, state } of rows) {
    it(label, async () => {
      const web = await serveWeb({ backends: { b: backend } })
      try {
        expect(await web.switchboard.router.sendNow({ to: '1', text: 'x' })).to.include({ state })
      } finally {
        await web.stop()
      }
    })
  }

  for (const { log, line } of [
    { log: { texts: true, numbers: true }, line: 'info Sent SMS to +254700000001: Jambo ' },
    { log: {}, line: 'info Sent SMS to +254******001: [text] ' },
  ]) {
    it(`log writes what is sent, as far as ${JSON.stringify(log)} allows`, async () => {
      const web = await serveWeb({ backends: { b: logBackend() }, log })
      try {
        await web.switchboard.router.sendNow({ to: '+254700000001', text: 'Jambo' })
        expect(web.log()).to.include(line)
      } finally {
        await web.stop()
      }
    })
  }

  it('have no views', async () => {
    const web = await serveWeb({ backends: { n: nullBackend(), l: logBackend(), d: dummy(), loop: loopback() } })
    try {
      expect(web.switchboard.routes).to.have.length(0)
      expect((await fetch(`${web.url}/backends/n/`)).status).to.equal(404)
    } finally {
      await web.stop()
    }
  })
})

describe('loopback', () => {
  it('calls the subscriber of a number, however it is written, whose reply comes in', async () => {
    const loop = loopback()
    const seen: string[] = []
    loop.subscribe('++3', async ({ message, reply }) => {
      seen.push(message.text)
      await reply('hello')
    })
    const web = await serveWeb({ backends: { loop } })
    try {
      const sent = await web.switchboard.router.sendNow({ to: '+3', text: 'hi', options: { statusReport: true } })
      expect(sent.state).to.equal('DELIVERED')
      expect(seen).to.deep.equal(['hi'])
      await until('the reply', () => web.messages.length === 1)
      expect(web.messages[0]).to.include({ identity: '+3', text: 'hello', address: null })
      expect(loop.traffic()).to.deep.equal([
        { direction: 'out', identity: '+3', text: 'hi' },
        { direction: 'in', identity: '+3', text: 'hello' },
      ])
      expect(loop.traffic()).to.deep.equal([])
    } finally {
      await web.stop()
    }
  })

  const states = [
    { label: 'nobody there, no report asked for', to: '+0', statusReport: false, state: 'SENT' },
    { label: 'nobody there, a report asked for', to: '+0', statusReport: true, state: 'SENT' },
    { label: 'somebody there, no report asked for', to: '+1', statusReport: false, state: 'SENT' },
    { label: 'somebody there, a report asked for', to: '+1', statusReport: true, state: 'DELIVERED' },
  ]
  for (const { label, to, statusReport, state } of states) {
    it(`${label}: ${state}`, async () => {
      const loop = loopback().subscribe('1', () => {})
      const web = await serveWeb({ backends: { loop } })
      try {
        const sent = await web.switchboard.router.sendNow({ to, text: 'x', options: { statusReport } })
        expect(sent.state).to.equal(state)
        expect(loop.traffic()).to.have.length(1)
      } finally {
        await web.stop()
      }
    })
  }

  it('drops the reply that the sender does not allow', async () => {
    const loop = loopback().subscribe('1', ({ reply }) => reply('hello'))
    const web = await serveWeb({ backends: { loop } })
    try {
      await web.switchboard.router.sendNow({ to: '1', text: 'x', options: { allowReply: false } })
      expect(loop.traffic()).to.deep.equal([{ direction: 'out', identity: '1', text: 'x' }])
    } finally {
      await web.stop()
    }
  })

  it('keeps the last subscriber of a number', async () => {
    const seen: string[] = []
    const loop = loopback()
      .subscribe('1', () => void seen.push('first'))
      .subscribe('+1', () => void seen.push('second'))
    const web = await serveWeb({ backends: { loop } })
    try {
      await web.switchboard.router.sendNow({ to: '1', text: 'x' })
      expect(seen).to.deep.equal(['second'])
    } finally {
      await web.stop()
    }
  })

  it('a subscriber that throws fails the attempt; the traffic keeps the message', async () => {
    const loop = loopback().subscribe('1', () => {
      throw new Error('out of reach')
    })
    const web = await serveWeb({ backends: { loop } })
    try {
      const sent = web.switchboard.router.sendNow({ to: '1', text: 'x' })
      expect(await sent.catch((error: Error) => error.message)).to.match(/out of reach/)
      expect(loop.traffic()).to.have.length(1)
    } finally {
      await web.stop()
    }
  })

  it('receives as if a phone had sent, and the app’s answer goes to its subscriber', async () => {
    const answers: string[] = []
    const loop = loopback().subscribe('7', ({ message }) => void answers.push(message.text))
    const early = await loop.received('7', 'echo too early').catch((error: unknown) => error)
    expect(early).to.be.instanceOf(NotRunningError)
    const web = await serveWeb({ backends: { loop }, apps: [echo()] })
    try {
      const { duplicate } = await loop.received('7', 'echo hi')
      expect(duplicate).to.equal(false)
      await until('the answer', () => answers.length === 1)
      expect(answers).to.deep.equal(['hi'])
    } finally {
      await web.stop()
    }
  })
})
