import { expect } from 'chai'
import { ask, network, refuse, serveProxy } from '../../support/proxy.ts'
import { rows } from './answer-rows.ts'

describe('the answers of the public proxy', () => {
  for (const mode of ['compat', 'plain'] as const) {
    describe(mode === 'compat' ? 'as the original gave them' : 'with HTTP codes', () => {
      for (const row of rows) {
        it(row.what, async () => {
          const end = new AbortController()
          const hang = () => new Promise<void>((resolve) => end.signal.addEventListener('abort', () => resolve()))
          const { sent, backend } = network(
            row.service === 'refuses' ? refuse : row.service === 'hangs' ? hang : undefined,
          )
          const web = await serveProxy({ ...row.proxy, compat: mode === 'compat' }, { backend })
          try {
            for (let time = 0; time < (row.before ?? 0); time++) await ask(`${web.url}${row.ask}`, row.init)
            const { status, body, type } = await ask(`${web.url}${row.ask}`, row.init)
            expect([status, body]).to.deep.equal(row[mode])
            expect(type).to.equal('application/json; charset=UTF-8')
            if (row.sends !== undefined) expect(sent).to.have.length(row.sends)
          } finally {
            end.abort()
            await web.stop()
          }
        })
      }

      it('a HEAD, which sends nothing', async () => {
        const { sent, backend } = network()
        const web = await serveProxy({ compat: mode === 'compat' }, { backend })
        const answer = await fetch(`${web.url}/message/?receiver=017612345678`, { method: 'HEAD' })
        expect(answer.status).to.equal(405)
        expect(answer.headers.get('allow')).to.equal('GET, POST, OPTIONS')
        await web.stop()
        expect(sent).to.deep.equal([])
      })
    })
  }

  it('a wrong path is 404', async () => {
    const web = await serveProxy({})
    expect((await fetch(`${web.url}/messages/`)).status).to.equal(404)
    await web.stop()
  })

  it('nothing of it is there unless settings have it', async () => {
    const web = await serveProxy({ handlers: {}, validation: { enabled: false } })
    for (const path of ['/message/', '/validate_number/'])
      expect((await fetch(`${web.url}${path}`)).status).to.equal(404)
    await web.stop()
  })

  it('refused requests tell when to come again, and nothing may be kept or guessed of any', async () => {
    const web = await serveProxy({ limits: { perClient: { amount: 1, per: 60_000 } } })
    await fetch(`${web.url}/validate_number/`)
    const { headers } = await fetch(`${web.url}/validate_number/`)
    expect(Number(headers.get('retry-after'))).to.be.within(1, 60)
    expect(headers.get('cache-control')).to.equal('no-store')
    expect(headers.get('x-content-type-options')).to.equal('nosniff')
    await web.stop()
  })
})
